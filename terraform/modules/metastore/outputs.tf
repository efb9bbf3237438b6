output "metastore_id" {
  description = "The metastore, once the workspace is under it."
  value       = databricks_metastore_assignment.this.metastore_id
}
