# Who may do what.

locals {
  app_roles = {
    blob    = azurerm_storage_account.account.id # host locks, the package and timer state
    queue   = azurerm_storage_account.account.id
    table   = azurerm_storage_account.account.id
    secrets = azurerm_key_vault.vault.id # what administrators enter; nothing can be purged
    metrics = azurerm_application_insights.insights.id
  }
  operator_roles = {
    secrets = azurerm_key_vault.vault.id         # sets the state key once (infra/hooks/state-key.sh)
    table   = azurerm_storage_account.account.id # copies the state (scripts/state.py)
    queue   = azurerm_storage_account.account.id # looks into queues
  }
  definitions = "/subscriptions/${data.azurerm_client_config.current.subscription_id}/providers/Microsoft.Authorization/roleDefinitions"
}

resource "azurerm_role_assignment" "app" {
  for_each           = local.app_roles
  scope              = each.value
  role_definition_id = "${local.definitions}/${local.system.roles[each.key].id}"
  principal_id       = azurerm_user_assigned_identity.identity.principal_id
  principal_type     = "ServicePrincipal"
}

# The platform resolves the reference of DYNASYNC_STATE_KEY with the app's system-assigned identity.
resource "azurerm_role_assignment" "state_key" {
  scope              = azurerm_key_vault.vault.id
  role_definition_id = "${local.definitions}/${local.system.roles.stateKey.id}"
  principal_id       = azurerm_function_app_flex_consumption.app.identity[0].principal_id
  principal_type     = "ServicePrincipal"
}

# Whoever deploys, and follows the runbooks.
resource "azurerm_role_assignment" "operator" {
  for_each           = var.operator_id == "" ? {} : local.operator_roles
  scope              = each.value
  role_definition_id = "${local.definitions}/${local.system.roles[each.key].id}"
  principal_id       = var.operator_id
}
