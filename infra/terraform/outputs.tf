output "resource_group" {
  value = azurerm_resource_group.group.name
}

output "app" {
  value = azurerm_function_app_flex_consumption.app.name
}

output "url" {
  value = "https://${azurerm_function_app_flex_consumption.app.default_hostname}"
}

output "vault" {
  value = azurerm_key_vault.vault.name
}

output "identity" {
  value = azurerm_user_assigned_identity.identity.principal_id
}

output "identity_client" {
  value = azurerm_user_assigned_identity.identity.client_id
}
