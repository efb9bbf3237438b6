output "account_id" {
  description = "Resource id of the storage account."
  value       = azurerm_storage_account.this.id
}

output "account_name" {
  description = "Name of the storage account."
  value       = azurerm_storage_account.this.name
}

output "container_urls" {
  description = "abfss addresses by container."
  value = {
    for name, container in azurerm_storage_container.this :
    name => "abfss://${container.name}@${azurerm_storage_account.this.name}.dfs.core.windows.net/"
  }
}
