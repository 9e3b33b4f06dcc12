// The whole system in one resource group. `azd up` runs it; docs/how-to/deploy.md tells the rest.
targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of this installation; azd asks for it.')
param environmentName string

@minLength(1)
@description('Region; it must offer Flex Consumption.')
param location string

@description('Client id of the app registration that people sign in with (infra/hooks/registration.sh makes it).')
param authClientId string

@description('Where alerts go, and notices of secrets that end.')
param alertEmail string

@description('Object id of whoever runs the deployment; may set secrets, copy the state and look into queues. Empty: nobody.')
param operatorId string = ''

@description('Storage and vault answer inside the virtual network only.')
param privateNetworking bool = false

@description('Copies of the storage account: Standard_ZRS keeps three in the region; Standard_GZRS adds another region.')
@allowed([ 'Standard_LRS', 'Standard_ZRS', 'Standard_GZRS' ])
param storageSku string = 'Standard_ZRS'

@description('Prefix of the state tables (letters and digits).')
param tablePrefix string = 'dynasync'

@description('Further app settings, by name (docs/reference/app-settings.md).')
param extraSettings object = {}

var tags = { 'azd-env-name': environmentName }
var token = toLower(uniqueString(subscription().id, environmentName, location))

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-dynasync-${environmentName}'
  location: location
  tags: tags
}

module system 'bicep/system.bicep' = {
  name: 'dynasync-system'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    authClientId: authClientId
    alertEmail: alertEmail
    operatorId: operatorId
    privateNetworking: privateNetworking
    storageSku: storageSku
    tablePrefix: tablePrefix
    extraSettings: extraSettings
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output DYNASYNC_APP string = system.outputs.appName
output DYNASYNC_URL string = system.outputs.appUrl
output DYNASYNC_VAULT string = system.outputs.vaultName
output DYNASYNC_IDENTITY string = system.outputs.identityPrincipalId
output DYNASYNC_IDENTITY_CLIENT string = system.outputs.identityClientId
