output "server_id" {
  description = "Resource id of the server."
  value       = azurerm_postgresql_flexible_server.this.id
}

output "host" {
  description = "Host name of the server, within the network."
  value       = azurerm_postgresql_flexible_server.this.fqdn
}

output "database" {
  description = "Name of the database."
  value       = azurerm_postgresql_flexible_server_database.melpark.name
}
