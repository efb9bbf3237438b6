output "catalog" {
  description = "Name of the catalogue."
  value       = databricks_catalog.this.name
}

output "schemas" {
  description = "Names of the schemas."
  value       = sort([for schema in databricks_schema.layer : schema.name])
}

output "checkpoints" {
  description = "Path of the volume of checkpoints."
  value       = databricks_volume.checkpoints.volume_path
}

output "landing" {
  description = "Path of the volume of landed files."
  value       = databricks_volume.landing.volume_path
}

output "warehouse_id" {
  description = "Id of the SQL warehouse."
  value       = databricks_sql_endpoint.this.id
}

output "warehouse_http_path" {
  description = "HTTP path of the SQL warehouse."
  value       = "/sql/1.0/warehouses/${databricks_sql_endpoint.this.id}"
}

output "secret_scope" {
  description = "Name of the secret scope."
  value       = databricks_secret_scope.this.name
}
