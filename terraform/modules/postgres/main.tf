# The system of record: logical replication on, reached from within the network only, by TLS.

locals {
  # As melpark.places names them. `melpark part migrate` makes all but the first, with the vault's passwords.
  administrator = "postgres"
  roles         = toset([local.administrator, "melpark_owner", "melpark_loader", "melpark_capture", "melpark_reader"])
  settings = {
    wal_level             = "logical"
    max_replication_slots = "10"
    max_wal_senders       = "10"
    # In MiB: a slot that nobody reads may not fill the disk.
    max_slot_wal_keep_size   = "4096"
    require_secure_transport = "on"
    password_encryption      = "scram-sha-256"
    timezone                 = "UTC"
  }
}

# In no state and no plan, and drawn anew by each run, but written only when password_version is raised: then to server and
# vault in one run. After a run that ended between the two, raise it, and both have one again. (Reading it back from the
# vault would do, too, but no mocked provider knows ephemeral resources, so nothing here could be tested.)
ephemeral "random_password" "role" {
  for_each = local.roles

  length  = 32
  special = false
}

resource "azurerm_postgresql_flexible_server" "this" {
  name                              = var.name
  resource_group_name               = var.resource_group_name
  location                          = var.location
  version                           = "17"
  administrator_login               = local.administrator
  administrator_password_wo         = ephemeral.random_password.role[local.administrator].result
  administrator_password_wo_version = var.password_version
  sku_name                          = var.sku_name
  storage_mb                        = var.storage_mb
  auto_grow_enabled                 = true
  backup_retention_days             = var.backup_retention_days
  geo_redundant_backup_enabled      = var.is_redundant
  delegated_subnet_id               = var.subnet_id
  private_dns_zone_id               = var.private_dns_zone_id
  public_network_access_enabled     = false
  tags                              = var.tags

  dynamic "high_availability" {
    for_each = var.is_redundant ? ["ZoneRedundant"] : []

    content {
      mode = high_availability.value
    }
  }

  lifecycle {
    prevent_destroy = true
    # Azure chooses zones, and changes them at a failover.
    ignore_changes = [zone, high_availability[0].standby_availability_zone]
  }
}

resource "azurerm_postgresql_flexible_server_configuration" "this" {
  for_each = local.settings

  server_id = azurerm_postgresql_flexible_server.this.id
  name      = each.key
  value     = each.value
}

resource "azurerm_postgresql_flexible_server_database" "melpark" {
  name      = "melpark"
  server_id = azurerm_postgresql_flexible_server.this.id
  charset   = "UTF8"
  collation = "C"

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_key_vault_secret" "password" {
  for_each = local.roles

  # A secret has no underscore in its name.
  name             = replace(each.key, "_", "-")
  key_vault_id     = var.key_vault_id
  content_type     = "password of the PostgreSQL role ${each.key}"
  value_wo         = ephemeral.random_password.role[each.key].result
  value_wo_version = var.password_version
  tags             = var.tags
}
