# Who touched what: messages to queues, deletions of state, reads of secrets, sign-ins.

locals {
  watched = {
    queue = "${azurerm_storage_account.account.id}/queueServices/default"
    table = "${azurerm_storage_account.account.id}/tableServices/default"
    blob  = "${azurerm_storage_account.account.id}/blobServices/default"
    vault = azurerm_key_vault.vault.id
  }
}

resource "azurerm_monitor_diagnostic_setting" "watched" {
  for_each                       = local.watched
  name                           = "to-workspace"
  target_resource_id             = each.value
  log_analytics_workspace_id     = azurerm_log_analytics_workspace.workspace.id
  log_analytics_destination_type = "Dedicated"

  dynamic "enabled_log" {
    for_each = toset(local.system.diagnostics[each.key])

    content {
      category = enabled_log.value
    }
  }
}

resource "azurerm_monitor_diagnostic_setting" "app" {
  name                       = "to-workspace"
  target_resource_id         = azurerm_function_app_flex_consumption.app.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.workspace.id

  dynamic "enabled_log" {
    for_each = toset(local.system.diagnostics.app)

    content {
      category = enabled_log.value
    }
  }

  enabled_metric {
    category = "AllMetrics"
  }
}
