// What stands in the resource group, and who may do what with it.
param token string
param location string
param tags object
param authClientId string
param alertEmail string
param operatorId string
param privateNetworking bool
param storageSku string
param tablePrefix string
param extraSettings object

module identity 'identity.bicep' = {
  name: 'identity'
  params: {
    name: 'id-dynasync-${token}'
    location: location
    tags: tags
  }
}

module storage 'storage.bicep' = {
  name: 'storage'
  params: {
    name: 'stdynasync${token}'
    location: location
    tags: tags
    sku: storageSku
    tablePrefix: tablePrefix
    privateNetworking: privateNetworking
  }
}

module vault 'vault.bicep' = {
  name: 'vault'
  params: {
    name: 'kv-ds-${token}'
    location: location
    tags: tags
    privateNetworking: privateNetworking
  }
}

module monitor 'monitor.bicep' = {
  name: 'monitor'
  params: {
    token: token
    location: location
    tags: tags
  }
}

module network 'network.bicep' = if (privateNetworking) {
  name: 'network'
  params: {
    token: token
    location: location
    tags: tags
    storageId: storage.outputs.id
    vaultId: vault.outputs.id
  }
}

module roles 'roles.bicep' = {
  name: 'roles'
  params: {
    appPrincipalId: identity.outputs.principalId
    operatorId: operatorId
    storageName: storage.outputs.name
    vaultName: vault.outputs.name
    insightsName: monitor.outputs.insightsName
  }
}

module app 'app.bicep' = {
  name: 'app'
  // It starts at once: before that, its identity has to have its roles.
  dependsOn: [
    roles
  ]
  params: {
    token: token
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageName: storage.outputs.name
    packageContainer: storage.outputs.packageContainer
    vaultUri: vault.outputs.uri
    insightsConnectionString: monitor.outputs.connectionString
    authClientId: authClientId
    tablePrefix: tablePrefix
    extraSettings: extraSettings
    subnetId: privateNetworking ? network.outputs.appSubnetId : ''
  }
}

module reference 'reference.bicep' = {
  name: 'reference'
  params: {
    referencePrincipalId: app.outputs.systemPrincipalId
    vaultName: vault.outputs.name
  }
}

module diagnostics 'diagnostics.bicep' = {
  name: 'diagnostics'
  params: {
    workspaceId: monitor.outputs.workspaceId
    storageName: storage.outputs.name
    vaultName: vault.outputs.name
    appName: app.outputs.name
  }
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  params: {
    token: token
    location: location
    tags: tags
    workspaceId: monitor.outputs.workspaceId
    email: alertEmail
  }
}

module workbook 'workbook.bicep' = {
  name: 'workbook'
  params: {
    location: location
    tags: tags
    workspaceId: monitor.outputs.workspaceId
  }
}

output appName string = app.outputs.name
output appUrl string = app.outputs.url
output vaultName string = vault.outputs.name
output identityPrincipalId string = identity.outputs.principalId
output identityClientId string = identity.outputs.clientId
