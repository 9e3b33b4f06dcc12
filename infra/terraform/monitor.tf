# Where telemetry goes. Nobody writes with a key: the app's identity has the role.

resource "azurerm_log_analytics_workspace" "workspace" {
  name                            = "log-dynasync-${local.token}"
  resource_group_name             = azurerm_resource_group.group.name
  location                        = var.location
  tags                            = local.tags
  sku                             = "PerGB2018"
  retention_in_days               = local.system.retention.logDays
  local_authentication_enabled    = false
  allow_resource_only_permissions = true
}

resource "azurerm_application_insights" "insights" {
  name                         = "appi-dynasync-${local.token}"
  resource_group_name          = azurerm_resource_group.group.name
  location                     = var.location
  tags                         = local.tags
  application_type             = "web"
  workspace_id                 = azurerm_log_analytics_workspace.workspace.id
  local_authentication_enabled = false
  ip_masking_enabled           = true
  sampling_percentage          = 100
}

resource "azurerm_application_insights_workbook" "workbook" {
  name                = uuidv5("url", "${azurerm_resource_group.group.id}/dynasync-workbook")
  resource_group_name = azurerm_resource_group.group.name
  location            = var.location
  tags                = local.tags
  display_name        = "dynasync"
  category            = "workbook"
  source_id           = lower(azurerm_log_analytics_workspace.workspace.id)
  data_json           = file("${path.module}/../monitoring/workbook.json")
}
