output "id" {
  description = "Resource id of the vault, once secrets may be written."
  value       = azurerm_key_vault.this.id
  depends_on  = [azurerm_role_assignment.writer]
}

output "uri" {
  description = "Address of the vault."
  value       = azurerm_key_vault.this.vault_uri
}
