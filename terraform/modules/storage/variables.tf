variable "name" {
  description = "Name of the storage account: small letters and digits, unique in Azure."
  type        = string
}

variable "replication" {
  description = "LRS, ZRS or GZRS."
  type        = string
}

variable "subnet_id" {
  description = "Subnet of the private endpoints."
  type        = string
}

variable "private_dns_zones" {
  description = "Private zones by service, blob and dfs."
  type        = map(string)
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
