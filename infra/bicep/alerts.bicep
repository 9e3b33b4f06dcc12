// The alert rules stand in ../monitoring/alerts.json, for Bicep and Terraform alike.
param token string
param location string
param tags object
param workspaceId string
param email string

var rules = loadJsonContent('../monitoring/alerts.json')

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-dynasync-${token}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'dynasync'
    enabled: true
    emailReceivers: [
      {
        name: 'operators'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [for rule in rules: {
  name: 'dynasync-${rule.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.title
    description: rule.description
    severity: rule.severity
    enabled: true
    autoMitigate: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: rule.every
    windowSize: rule.window
    // The tables come with their first rows; a new workspace has none yet.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          query: join(rule.query, '\n')
          timeAggregation: rule.aggregation
          metricMeasureColumn: rule.column
          operator: rule.operator
          threshold: rule.threshold
          dimensions: [for name in rule.splitBy: {
            name: name
            operator: 'Include'
            values: [
              '*'
            ]
          }]
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [
        group.id
      ]
    }
  }
}]
