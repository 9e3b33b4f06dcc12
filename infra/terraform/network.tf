# Optional: storage and vault answer inside this network only. The app itself stays reachable, for webhooks and people.

locals {
  network = local.system.network
  targets = var.private_networking ? {
    blob  = azurerm_storage_account.account.id
    queue = azurerm_storage_account.account.id
    table = azurerm_storage_account.account.id
    vault = azurerm_key_vault.vault.id
  } : {}
}

resource "azurerm_virtual_network" "network" {
  count               = var.private_networking ? 1 : 0
  name                = "vnet-dynasync-${local.token}"
  resource_group_name = azurerm_resource_group.group.name
  location            = var.location
  tags                = local.tags
  address_space       = [local.network.space]
}

resource "azurerm_subnet" "app" {
  count                = var.private_networking ? 1 : 0
  name                 = "app"
  resource_group_name  = azurerm_resource_group.group.name
  virtual_network_name = azurerm_virtual_network.network[0].name
  address_prefixes     = [local.network.app]

  delegation {
    name = "flex"

    service_delegation {
      name = "Microsoft.App/environments"
    }
  }
}

resource "azurerm_subnet" "endpoints" {
  count                = var.private_networking ? 1 : 0
  name                 = "private-endpoints"
  resource_group_name  = azurerm_resource_group.group.name
  virtual_network_name = azurerm_virtual_network.network[0].name
  address_prefixes     = [local.network.endpoints]
}

resource "azurerm_private_dns_zone" "zones" {
  for_each            = local.targets
  name                = local.network.zones[each.key]
  resource_group_name = azurerm_resource_group.group.name
  tags                = local.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "links" {
  for_each             = local.targets
  name                 = "dynasync"
  private_dns_zone_id  = azurerm_private_dns_zone.zones[each.key].id
  virtual_network_id   = azurerm_virtual_network.network[0].id
  registration_enabled = false
}

resource "azurerm_private_endpoint" "endpoints" {
  for_each            = local.targets
  name                = "pe-dynasync-${each.key}-${local.token}"
  resource_group_name = azurerm_resource_group.group.name
  location            = var.location
  tags                = local.tags
  subnet_id           = azurerm_subnet.endpoints[0].id

  private_service_connection {
    name                           = each.key
    private_connection_resource_id = each.value
    subresource_names              = [each.key]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.zones[each.key].id]
  }
}
