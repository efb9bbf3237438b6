mock_provider "azurerm" {}

variables {
  name                  = "psql-melpark-test"
  resource_group_name   = "rg"
  location              = "australiaeast"
  subnet_id             = "/subnet"
  private_dns_zone_id   = "/zone"
  key_vault_id          = "/vault"
  sku_name              = "B_Standard_B2ms"
  storage_mb            = 32768
  backup_retention_days = 7
  is_redundant          = false
}

run "postgres_speaks_of_its_changes_by_tls_and_to_the_network_only" {
  command = plan

  assert {
    condition = (
      azurerm_postgresql_flexible_server_configuration.this["wal_level"].value == "logical"
      && azurerm_postgresql_flexible_server_configuration.this["require_secure_transport"].value == "on"
      && !azurerm_postgresql_flexible_server.this.public_network_access_enabled
    )
    error_message = "Logical replication is off, or the server is open."
  }

  assert {
    condition     = length(azurerm_postgresql_flexible_server.this.high_availability) == 0
    error_message = "A server that is not redundant has a standby."
  }
}
