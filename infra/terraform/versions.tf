terraform {
  required_version = ">= 1.9.0"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.10"
    }
  }
}

# Which subscription: ARM_SUBSCRIPTION_ID (docs/how-to/deploy.md).
provider "azurerm" {
  # The provider registers none by itself since 5.0. Microsoft.App is where Flex Consumption runs.
  resource_provider_registrations = "none"
  resource_providers_to_register  = jsondecode(file("${path.module}/../system.json")).providers

  # The storage account has no shared keys, so the provider reads its services with the caller's identity.
  storage_use_azuread = true

  features {
    template_deployment {
      delete_nested_items_during_deletion = false # a policy of the app goes with the app and cannot be deleted
    }
  }
}
