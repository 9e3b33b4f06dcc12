// What the app's own system-assigned identity may do: it is there only once the app is.
param referencePrincipalId string
param vaultName string

var roles = loadJsonContent('../system.json').roles
var definitions = 'Microsoft.Authorization/roleDefinitions'

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName
}

// The platform resolves the reference of DYNASYNC_STATE_KEY with the app's system-assigned identity.
resource stateKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, referencePrincipalId, roles.stateKey.id)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId(definitions, roles.stateKey.id)
    principalId: referencePrincipalId
    principalType: 'ServicePrincipal'
  }
}
