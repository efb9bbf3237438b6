output "log_analytics_workspace_id" {
  description = "Where the logs are."
  value       = azurerm_log_analytics_workspace.this.id
}
