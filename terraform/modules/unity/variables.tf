variable "environment" {
  description = "dev, test or prod: part of the names that a metastore knows once."
  type        = string
}

variable "catalog" {
  description = "Name of the catalogue."
  type        = string
}

variable "access_connector_id" {
  description = "Azure's id of the identity that reaches the lake."
  type        = string
}

variable "storage_urls" {
  description = "abfss addresses of bronze, silver and gold."
  type        = map(string)
}

variable "key_vault_id" {
  description = "Azure's id of the vault behind the secret scope."
  type        = string
}

variable "key_vault_uri" {
  description = "Address of the vault behind the secret scope."
  type        = string
}

variable "warehouse_size" {
  description = "Size of the SQL warehouse."
  type        = string
}

variable "engineers_group" {
  description = "Group that may change tables."
  type        = string
}

variable "analysts_group" {
  description = "Group that may read gold."
  type        = string
}
