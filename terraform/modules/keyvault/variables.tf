variable "name" {
  description = "Name of the vault, unique in Azure, at most 24 characters."
  type        = string
}

variable "subnet_id" {
  description = "Subnet of the private endpoint."
  type        = string
}

variable "private_dns_zone_id" {
  description = "Private zone of vaults."
  type        = string
}

variable "operator_ip_ranges" {
  description = "Addresses from which secrets may be written; none closes the vault to all but the network."
  type        = list(string)
  default     = []
}

variable "reader_object_ids" {
  description = "Who may read every secret of the vault: object ids by a name of ours."
  type        = map(string)
  default     = {}
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
