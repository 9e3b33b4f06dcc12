terraform {
  required_version = ">= 1.9.0"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.10"
    }
  }
}

provider "azurerm" {
  features {}

  # The storage account has no shared keys, so the provider reads its services with the caller's identity.
  storage_use_azuread = true
}
