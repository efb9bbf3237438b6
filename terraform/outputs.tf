output "workspace_url" {
  description = "Address of the Databricks workspace."
  value       = module.databricks.workspace_url
}

output "storage_name" {
  description = "Name of the storage account that holds the lake."
  value       = module.storage.account_name
}

output "container_urls" {
  description = "abfss addresses of the containers bronze, silver and gold."
  value       = module.storage.container_urls
}

output "postgres_host" {
  description = "MELPARK_POSTGRES_HOST: reached from within the network."
  value       = module.postgres.host
}

output "database" {
  description = "The database that `melpark part migrate` fills."
  value       = module.postgres.database
}

output "key_vault_uri" {
  description = "Address of the vault with the passwords."
  value       = module.keyvault.uri
}

output "catalog" {
  description = "Variable `catalog` of the asset bundle."
  value       = module.unity.catalog
}

output "schemas" {
  description = "Schemas of the catalogue."
  value       = module.unity.schemas
}

output "checkpoints" {
  description = "Folder in which the notebooks' queries write what they have read."
  value       = module.unity.checkpoints
}

output "landing" {
  description = "Folder from which Auto Loader takes files of change events."
  value       = module.unity.landing
}

output "warehouse_id" {
  description = "Variable `warehouse_id` of the asset bundle."
  value       = module.unity.warehouse_id
}

output "warehouse_http_path" {
  description = "DATABRICKS_HTTP_PATH, for dbt and Power BI."
  value       = module.unity.warehouse_http_path
}

output "secret_scope" {
  description = "Variable `secret_scope` of the asset bundle."
  value       = module.unity.secret_scope
}
