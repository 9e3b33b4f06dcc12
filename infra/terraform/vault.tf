# The key of the state, and the connections' secrets. Deleted or overwritten values can be brought back for 90 days.

resource "azurerm_key_vault" "vault" {
  name                          = "kv-ds-${local.token}"
  resource_group_name           = azurerm_resource_group.group.name
  location                      = var.location
  tags                          = local.tags
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = local.system.retention.secretDays
  public_network_access_enabled = !var.private_networking

  network_acls {
    bypass         = "AzureServices"
    default_action = var.private_networking ? "Deny" : "Allow"
  }
}
