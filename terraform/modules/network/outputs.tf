output "endpoints_subnet_id" {
  description = "Subnet of the private endpoints."
  value       = azurerm_subnet.endpoints.id
}

output "postgres_subnet_id" {
  description = "Subnet that PostgreSQL is delegated."
  value       = azurerm_subnet.postgres.id
}

output "storage_dns_zone_ids" {
  description = "Private zones of the storage account's services, by service."
  value       = { for service in ["blob", "dfs"] : service => azurerm_private_dns_zone.this[service].id }
}

output "vault_dns_zone_id" {
  description = "Private zone of the vault."
  value       = azurerm_private_dns_zone.this["vault"].id
}

output "postgres_dns_zone_id" {
  description = "Private zone of PostgreSQL, linked to the network."
  value       = azurerm_private_dns_zone.this["postgres"].id
  depends_on  = [azurerm_private_dns_zone_virtual_network_link.this]
}

output "databricks" {
  description = "The network of the workspace: its id, the names of its subnets, and their associations."
  value = {
    virtual_network_id     = azurerm_virtual_network.this.id
    public_subnet_name     = azurerm_subnet.databricks["public"].name
    private_subnet_name    = azurerm_subnet.databricks["private"].name
    public_association_id  = azurerm_subnet_network_security_group_association.databricks["public"].id
    private_association_id = azurerm_subnet_network_security_group_association.databricks["private"].id
  }
}
