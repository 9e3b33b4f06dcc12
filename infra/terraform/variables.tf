variable "environment_name" {
  type        = string
  description = "Name of this installation."

  validation {
    condition     = can(regex("^[a-z0-9-]{1,40}$", var.environment_name))
    error_message = "environment_name may hold small letters, digits and hyphens, at most 40."
  }
}

variable "location" {
  type        = string
  description = "Region; it must offer Flex Consumption."
}

variable "auth_client_id" {
  type        = string
  description = "Client id of the app registration that people sign in with (infra/hooks/registration.sh makes it)."
}

variable "alert_email" {
  type        = string
  description = "Where alerts go, and notices of secrets that end."
}

variable "operator_id" {
  type        = string
  default     = ""
  description = "Object id of whoever runs the deployment; may set secrets, copy the state and look into queues. Empty: nobody."
}

variable "private_networking" {
  type        = bool
  default     = false
  description = "Storage and vault answer inside the virtual network only."
}

variable "storage_sku" {
  type        = string
  default     = "Standard_ZRS"
  description = "Copies of the storage account: Standard_ZRS keeps three in the region; Standard_GZRS adds another region."

  validation {
    condition     = contains(["Standard_LRS", "Standard_ZRS", "Standard_GZRS"], var.storage_sku)
    error_message = "storage_sku is one of Standard_LRS, Standard_ZRS, Standard_GZRS."
  }
}

variable "table_prefix" {
  type        = string
  default     = "dynasync"
  description = "Prefix of the state tables (letters and digits)."
}

variable "extra_settings" {
  type        = map(string)
  default     = {}
  description = "Further app settings, by name (docs/reference/app-settings.md)."
}
