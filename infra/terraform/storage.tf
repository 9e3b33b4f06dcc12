# Host, package, queues and state tables. No shared keys: only identities with a role get in.

resource "azurerm_storage_account" "account" {
  name                              = "stdynasync${local.token}"
  resource_group_name               = azurerm_resource_group.group.name
  location                          = var.location
  tags                              = local.tags
  account_kind                      = "StorageV2"
  account_tier                      = split("_", var.storage_sku)[0]
  account_replication_type          = split("_", var.storage_sku)[1]
  shared_access_key_enabled         = false
  allow_nested_items_to_be_public   = false
  cross_tenant_replication_enabled  = false
  allowed_copy_scope                = "AAD"
  default_to_oauth_authentication   = true
  local_user_enabled                = false
  min_tls_version                   = "TLS1_2"
  https_traffic_only_enabled        = true
  infrastructure_encryption_enabled = true
  public_network_access_enabled     = !var.private_networking

  network_rules {
    bypass         = ["AzureServices"]
    default_action = var.private_networking ? "Deny" : "Allow"
  }

  blob_properties {
    delete_retention_policy {
      days = local.system.retention.blobDays
    }

    container_delete_retention_policy {
      days = local.system.retention.blobDays
    }
  }
}

resource "azurerm_storage_container" "package" {
  name                  = "package"
  storage_account_id    = azurerm_storage_account.account.id
  container_access_type = "private"
}

resource "azurerm_storage_queue" "queues" {
  for_each           = toset(local.system.queues)
  name               = each.value
  storage_account_id = azurerm_storage_account.account.id
}

resource "azurerm_storage_table" "tables" {
  for_each           = toset(local.system.tables)
  name               = "${var.table_prefix}${each.value}"
  storage_account_id = azurerm_storage_account.account.id

  lifecycle {
    ignore_changes = [name] # another prefix (docs/how-to/restore.md) must not delete the state under this one
  }
}
