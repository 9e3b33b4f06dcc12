// What the operator looks at; its contents stand in ../monitoring/workbook.json.
param location string
param tags object
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'dynasync-workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'dynasync'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: loadTextContent('../monitoring/workbook.json')
  }
}
