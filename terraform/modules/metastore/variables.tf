variable "metastore_id" {
  description = "Metastore of the region."
  type        = string
}

variable "workspace_id" {
  description = "Databricks' own number of the workspace."
  type        = string
}
