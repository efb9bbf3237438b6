output "workspace_url" {
  description = "Address of the workspace, with https."
  value       = "https://${azurerm_databricks_workspace.this.workspace_url}"
}

output "workspace_id" {
  description = "Databricks' own number of the workspace."
  value       = azurerm_databricks_workspace.this.workspace_id
}

output "workspace_resource_id" {
  description = "Azure's id of the workspace."
  value       = azurerm_databricks_workspace.this.id
}

output "access_connector_id" {
  description = "The identity, once it may write the lake."
  value       = azurerm_databricks_access_connector.this.id
  depends_on  = [azurerm_role_assignment.lake]
}
