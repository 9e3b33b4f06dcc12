// The function app on Flex Consumption, its settings, and who may sign in.
param token string
param location string
param tags object
param identityId string
param identityClientId string
param storageName string
param packageContainer string
param vaultUri string
param insightsConnectionString string
param authClientId string
param tablePrefix string
param extraSettings object
param subnetId string

var system = loadJsonContent('../system.json')
var suffix = environment().suffixes.storage

// The host reads the connection's siblings by name; the app reads the table endpoint and the client id.
var settings = {
  AzureWebJobsStorage__blobServiceUri: 'https://${storageName}.blob.${suffix}'
  AzureWebJobsStorage__queueServiceUri: 'https://${storageName}.queue.${suffix}'
  AzureWebJobsStorage__tableServiceUri: 'https://${storageName}.table.${suffix}'
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  PYTHON_ENABLE_OPENTELEMETRY: 'true'
  PYTHON_THREADPOOL_THREAD_COUNT: string(system.scale.threads)
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
  DYNASYNC_STATE_KEY: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/dynasync-state-key)'
  DYNASYNC_EASY_AUTH: '1'
  DYNASYNC_TABLES: tablePrefix
  DYNASYNC_VAULT: vaultUri
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-dynasync-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    tier: 'FlexConsumption'
    name: 'FC1'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: 'func-dynasync-${token}'
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    // The system-assigned one does one thing: the platform reads the state key's reference with it.
    type: 'SystemAssigned, UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientCertEnabled: false
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: 'https://${storageName}.blob.${suffix}/${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: system.runtime.name
        version: system.runtime.version
      }
      scaleAndConcurrency: {
        instanceMemoryMB: system.scale.memoryMB
        maximumInstanceCount: system.scale.maximumInstances
        triggers: {
          http: {
            perInstanceConcurrency: system.scale.httpConcurrency
          }
        }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      remoteDebuggingEnabled: false
      appSettings: [for item in items(union(extraSettings, settings)): {
        name: item.key
        value: item.value
      }]
    }
  }
}

resource publishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = [for way in [ 'ftp', 'scm' ]: {
  parent: app
  name: way
  properties: {
    allow: false
  }
}]

// The platform checks tokens and strips forged sign-in headers. Who may do what is decided in the app, which refuses
// by default; callers with a function key and the vendors' webhooks come without a token, so all are let through here.
resource signIn 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: false
      unauthenticatedClientAction: 'AllowAnonymous'
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: authClientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            authClientId
            'api://${authClientId}'
          ]
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
      preserveUrlFragmentsForLogins: true
    }
  }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
output systemPrincipalId string = app.identity.principalId
