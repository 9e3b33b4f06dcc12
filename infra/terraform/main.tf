# The whole system in one resource group; the same as infra/main.bicep (tests/infra compares them).

data "azurerm_client_config" "current" {}

locals {
  system = jsondecode(file("${path.module}/../system.json"))
  token  = substr(sha256("${data.azurerm_client_config.current.subscription_id}/${var.environment_name}/${var.location}"), 0, 13)
  tags   = { "azd-env-name" = var.environment_name }
}

resource "azurerm_resource_group" "group" {
  name     = "rg-dynasync-${var.environment_name}"
  location = var.location
  tags     = local.tags
}

resource "azurerm_user_assigned_identity" "identity" {
  name                = "id-dynasync-${local.token}"
  resource_group_name = azurerm_resource_group.group.name
  location            = var.location
  tags                = local.tags
}
