variable "subscription_id" {
  description = "Azure subscription that everything is made in."
  type        = string
}

variable "databricks_account_id" {
  description = "Databricks account that holds the metastore."
  type        = string
}

variable "databricks_object_id" {
  description = "Object id of the enterprise application AzureDatabricks in the tenant, which reads the secret scope."
  type        = string
}

variable "metastore_id" {
  description = "Unity Catalog metastore of the region, which is one for all workspaces."
  type        = string
}

variable "environment" {
  description = "dev, test or prod: part of every name."
  type        = string

  validation {
    condition     = contains(["dev", "test", "prod"], var.environment)
    error_message = "environment is dev, test or prod."
  }
}

variable "location" {
  description = "Azure region; one with availability zones, which ZRS, GZRS and a redundant PostgreSQL need."
  type        = string
  default     = "australiaeast"
}

variable "suffix" {
  description = "Two to six small letters or digits that make the names of storage, vault and server unique in Azure."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{2,6}$", var.suffix))
    error_message = "suffix is two to six small letters or digits."
  }
}

variable "address_space" {
  description = "Network of the environment, a /20: eight subnets of /23 fit."
  type        = string
  default     = "10.42.0.0/20"
}

variable "password_version" {
  description = "Raise it to draw new passwords for server and vault: to change them, or after a first apply that failed."
  type        = number
  default     = 1
}

variable "postgres" {
  description = "Size of PostgreSQL: SKU, storage in MiB, days of backups, and whether a standby runs in another zone."
  type = object({
    sku_name              = string
    storage_mb            = number
    backup_retention_days = number
    is_redundant          = bool
  })
  default = {
    sku_name              = "B_Standard_B2ms"
    storage_mb            = 32768
    backup_retention_days = 7
    is_redundant          = false
  }
}

variable "storage_replication" {
  description = "Copies of the lake: LRS (one place), ZRS (three zones) or GZRS (and another region)."
  type        = string
  default     = "ZRS"

  validation {
    condition     = contains(["LRS", "ZRS", "GZRS"], var.storage_replication)
    error_message = "storage_replication is LRS, ZRS or GZRS."
  }
}

variable "warehouse_size" {
  description = "Size of the SQL warehouse that builds and serves gold."
  type        = string
  default     = "2X-Small"
}

variable "engineers_group" {
  description = "Databricks group that may change tables of the catalogue."
  type        = string
}

variable "analysts_group" {
  description = "Databricks group that may read gold."
  type        = string
}

variable "operator_ip_ranges" {
  description = "Addresses from which the Key Vault may be reached while secrets are written; none leaves it closed."
  type        = list(string)
  default     = []
}

variable "alert_email" {
  description = "Who is told when a resource is in trouble."
  type        = string
}

variable "tags" {
  description = "Tags besides project, environment and managed_by."
  type        = map(string)
  default     = {}
}
