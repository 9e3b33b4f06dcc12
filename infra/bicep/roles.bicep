// Who may do what, given before the app is made: it reads its package and its queues when it starts. Names are made of scope, identity and role, so that a repeated deployment changes nothing.
param appPrincipalId string
param operatorId string
param storageName string
param vaultName string
param insightsName string

var roles = loadJsonContent('../system.json').roles
var definitions = 'Microsoft.Authorization/roleDefinitions'

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: storageName
}

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

// Host locks, the package and timer state.
resource blob 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, appPrincipalId, roles.blob.id)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.blob.id)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource queue 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, appPrincipalId, roles.queue.id)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.queue.id)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource table 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, appPrincipalId, roles.table.id)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.table.id)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app stores what administrators enter; it cannot purge: purge protection is on.
resource secrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, appPrincipalId, roles.secrets.id)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.secrets.id)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource metrics 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, appPrincipalId, roles.metrics.id)
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.metrics.id)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Whoever deploys sets the state key once (infra/hooks/state-key.sh), copies the state tables and looks into queues.
resource operator 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorId)) {
  name: guid(vault.id, operatorId, roles.secrets.id)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.secrets.id)
    principalId: operatorId
  }
}

resource operatorTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorId)) {
  name: guid(account.id, operatorId, roles.table.id)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.table.id)
    principalId: operatorId
  }
}

resource operatorQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorId)) {
  name: guid(account.id, operatorId, roles.queue.id)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.queue.id)
    principalId: operatorId
  }
}
