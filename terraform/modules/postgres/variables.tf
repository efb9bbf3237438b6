variable "name" {
  description = "Name of the server, unique in Azure."
  type        = string
}

variable "subnet_id" {
  description = "Subnet that is delegated to PostgreSQL."
  type        = string
}

variable "private_dns_zone_id" {
  description = "Private zone of the server."
  type        = string
}

variable "key_vault_id" {
  description = "Vault that takes the passwords of the roles."
  type        = string
}

variable "sku_name" {
  description = "Machine of the server."
  type        = string
}

variable "storage_mb" {
  description = "Storage in MiB."
  type        = number
}

variable "backup_retention_days" {
  description = "Days for which a point in time can be restored."
  type        = number
}

variable "is_redundant" {
  description = "True for a standby in another zone and backups in another region."
  type        = bool
}

variable "password_version" {
  description = "Raise it to set new passwords."
  type        = number
  default     = 1
}

variable "resource_group_name" {
  description = "Resource group that everything is made in."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
