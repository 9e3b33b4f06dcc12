# The alert rules stand in ../monitoring/alerts.json, for Bicep and Terraform alike.

locals {
  alerts = { for rule in jsondecode(file("${path.module}/../monitoring/alerts.json")) : rule.name => rule }
}

resource "azurerm_monitor_action_group" "group" {
  name                = "ag-dynasync-${local.token}"
  resource_group_name = azurerm_resource_group.group.name
  tags                = local.tags
  short_name          = "dynasync"
  enabled             = true

  email_receiver {
    name                    = "operators"
    email_address           = var.alert_email
    use_common_alert_schema = true
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "alerts" {
  for_each                = local.alerts
  name                    = "dynasync-${each.key}"
  resource_group_name     = azurerm_resource_group.group.name
  location                = var.location
  tags                    = local.tags
  display_name            = each.value.title
  description             = each.value.description
  severity                = each.value.severity
  enabled                 = true
  auto_mitigation_enabled = true
  scopes                  = [azurerm_log_analytics_workspace.workspace.id]
  evaluation_frequency    = each.value.every
  window_duration         = each.value.window
  skip_query_validation   = true # the tables come with their first rows; a new workspace has none yet

  criteria {
    query                   = join("\n", each.value.query)
    time_aggregation_method = each.value.aggregation
    metric_measure_column   = each.value.column
    operator                = each.value.operator
    threshold               = each.value.threshold

    dynamic "dimension" {
      for_each = toset(each.value.splitBy)

      content {
        name     = dimension.value
        operator = "Include"
        values   = ["*"]
      }
    }

    failing_periods {
      number_of_evaluation_periods             = 1
      minimum_failing_periods_to_trigger_alert = 1
    }
  }

  action {
    action_groups = [azurerm_monitor_action_group.group.id]
  }
}
