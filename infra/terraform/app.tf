# The function app on Flex Consumption, its settings, and who may sign in.

locals {
  # The host reads the connection's siblings by name; the app reads the table endpoint and the client id.
  settings = {
    AzureWebJobsStorage__blobServiceUri       = trimsuffix(azurerm_storage_account.account.primary_blob_endpoint, "/")
    AzureWebJobsStorage__queueServiceUri      = trimsuffix(azurerm_storage_account.account.primary_queue_endpoint, "/")
    AzureWebJobsStorage__tableServiceUri      = trimsuffix(azurerm_storage_account.account.primary_table_endpoint, "/")
    AzureWebJobsStorage__credential           = "managedidentity"
    AzureWebJobsStorage__clientId             = azurerm_user_assigned_identity.identity.client_id
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "ClientId=${azurerm_user_assigned_identity.identity.client_id};Authorization=AAD"
    PYTHON_ENABLE_OPENTELEMETRY               = "true"
    PYTHON_THREADPOOL_THREAD_COUNT            = tostring(local.system.scale.threads)
    OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID    = azurerm_user_assigned_identity.identity.client_id
    DYNASYNC_STATE_KEY                        = "@Microsoft.KeyVault(SecretUri=${azurerm_key_vault.vault.vault_uri}secrets/dynasync-state-key)"
    DYNASYNC_EASY_AUTH                        = "1"
    DYNASYNC_TABLES                           = var.table_prefix
    DYNASYNC_VAULT                            = azurerm_key_vault.vault.vault_uri
  }

  # The provider adds these two itself, as connection strings with an empty key that stop the host, unless they are
  # given. Empty, the host goes on to the siblings above. It hides both when it reads, so that each plan shows them anew
  # (hashicorp/terraform-provider-azurerm#29149, #30732, #29910; Azure/azure-functions-host#11794).
  emptied = {
    AzureWebJobsStorage                  = ""
    DEPLOYMENT_STORAGE_CONNECTION_STRING = ""
  }
}

resource "azurerm_service_plan" "plan" {
  name                = "plan-dynasync-${local.token}"
  resource_group_name = azurerm_resource_group.group.name
  location            = var.location
  tags                = local.tags
  os_type             = "Linux"
  sku_name            = "FC1"
}

resource "azurerm_function_app_flex_consumption" "app" {
  name                                           = "func-dynasync-${local.token}"
  resource_group_name                            = azurerm_resource_group.group.name
  location                                       = var.location
  tags                                           = merge(local.tags, { "azd-service-name" = "api" })
  service_plan_id                                = azurerm_service_plan.plan.id
  storage_container_type                         = "blobContainer"
  storage_container_endpoint                     = "${azurerm_storage_account.account.primary_blob_endpoint}${azurerm_storage_container.package.name}"
  storage_authentication_type                    = "UserAssignedIdentity"
  storage_user_assigned_identity_id              = azurerm_user_assigned_identity.identity.id
  runtime_name                                   = local.system.runtime.name
  runtime_version                                = local.system.runtime.version
  instance_memory_in_mb                          = local.system.scale.memoryMB
  maximum_instance_count                         = local.system.scale.maximumInstances
  http_concurrency                               = local.system.scale.httpConcurrency
  https_only                                     = true
  client_certificate_enabled                     = false
  public_network_access_enabled                  = true
  webdeploy_publish_basic_authentication_enabled = false
  virtual_network_subnet_id                      = var.private_networking ? azurerm_subnet.app[0].id : null
  app_settings                                   = merge(var.extra_settings, local.settings, local.emptied)

  identity {
    # The system-assigned one does one thing: the platform reads the state key's reference with it.
    type         = "SystemAssigned, UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.identity.id]
  }

  site_config {
    minimum_tls_version     = "1.2"
    scm_minimum_tls_version = "1.2"
    http2_enabled           = true
    # The app setting of this name; the provider reads it back here, so among app_settings it would never come to rest.
    application_insights_connection_string = azurerm_application_insights.insights.connection_string
  }

  # The platform checks tokens and strips forged sign-in headers. Who may do what is decided in the app, which refuses
  # by default; callers with a function key and the vendors' webhooks come without a token, so all are let through here.
  auth_settings_v2 {
    auth_enabled           = true
    require_authentication = false
    unauthenticated_action = "AllowAnonymous"
    require_https          = true

    active_directory_v2 {
      client_id                  = var.auth_client_id
      client_secret_setting_name = "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"
      tenant_auth_endpoint       = "https://login.microsoftonline.com/${data.azurerm_client_config.current.tenant_id}/v2.0"
      allowed_audiences          = [var.auth_client_id, "api://${var.auth_client_id}"]
    }

    login {
      token_store_enabled               = false
      preserve_url_fragments_for_logins = true
    }
  }

  # It starts at once: before that, its identity has to have its roles, and what it works with has to be in reach.
  depends_on = [
    azurerm_role_assignment.app,
    azurerm_storage_queue.queues,
    azurerm_storage_table.tables,
    azurerm_private_endpoint.endpoints,
    azurerm_private_dns_zone_virtual_network_link.links,
  ]
}

# Deployment by password over FTP: the resource above closes the other way only.
resource "azurerm_resource_group_template_deployment" "publishing" {
  name                = "dynasync-publishing"
  resource_group_name = azurerm_resource_group.group.name
  deployment_mode     = "Incremental"
  template_content    = file("${path.module}/publishing.json")
  parameters_content  = jsonencode({ app = { value = azurerm_function_app_flex_consumption.app.name } })
}
