# What MelPark needs of Azure: a network, PostgreSQL, a lake, a vault, and Databricks over it. docs/cloud.md.

locals {
  name = "melpark-${var.environment}"
  # Storage accounts have neither hyphens nor capitals in their names.
  short_name = "melpark${var.environment}${var.suffix}"
  catalog    = var.environment == "prod" ? "melpark" : "melpark_${var.environment}"
  tags = merge(var.tags, {
    project     = "melpark"
    environment = var.environment
    managed_by  = "terraform"
  })
}

resource "azurerm_resource_group" "this" {
  name     = "rg-${local.name}"
  location = var.location
  tags     = local.tags
}

module "network" {
  source = "./modules/network"

  name                = local.name
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  address_space       = var.address_space
  tags                = local.tags
}

module "monitoring" {
  source = "./modules/monitoring"

  name                = local.name
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  alert_email         = var.alert_email
  postgres_server_id  = module.postgres.server_id
  diagnosed = {
    postgres   = module.postgres.server_id
    keyvault   = module.keyvault.id
    scope      = module.scope_vault.id
    storage    = "${module.storage.account_id}/blobServices/default"
    databricks = module.databricks.workspace_resource_id
  }
  tags = local.tags
}

module "storage" {
  source = "./modules/storage"

  name                = "st${local.short_name}"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  replication         = var.storage_replication
  subnet_id           = module.network.endpoints_subnet_id
  private_dns_zones   = module.network.storage_dns_zone_ids
  tags                = local.tags
}

module "keyvault" {
  source = "./modules/keyvault"

  name                = "kv-${local.short_name}"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  subnet_id           = module.network.endpoints_subnet_id
  private_dns_zone_id = module.network.vault_dns_zone_id
  operator_ip_ranges  = var.operator_ip_ranges
  tags                = local.tags
}

# The secret scope of Databricks is a vault as a whole: one of its own, so that who reads the scope reads no password of
# PostgreSQL.
module "scope_vault" {
  source = "./modules/keyvault"

  name                = "kvd-${local.short_name}"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  subnet_id           = module.network.endpoints_subnet_id
  private_dns_zone_id = module.network.vault_dns_zone_id
  operator_ip_ranges  = var.operator_ip_ranges
  reader_object_ids   = { databricks = var.databricks_object_id }
  tags                = local.tags
}

module "postgres" {
  source = "./modules/postgres"

  name                  = "psql-${local.name}-${var.suffix}"
  resource_group_name   = azurerm_resource_group.this.name
  location              = azurerm_resource_group.this.location
  subnet_id             = module.network.postgres_subnet_id
  private_dns_zone_id   = module.network.postgres_dns_zone_id
  key_vault_id          = module.keyvault.id
  password_version      = var.password_version
  sku_name              = var.postgres.sku_name
  storage_mb            = var.postgres.storage_mb
  backup_retention_days = var.postgres.backup_retention_days
  is_redundant          = var.postgres.is_redundant
  tags                  = local.tags
}

module "databricks" {
  source = "./modules/databricks"

  name                = local.name
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  storage_account_id  = module.storage.account_id
  network             = module.network.databricks
  tags                = local.tags
}

module "metastore" {
  source = "./modules/metastore"

  providers = {
    databricks = databricks.account
  }

  metastore_id = var.metastore_id
  workspace_id = module.databricks.workspace_id
}

module "unity" {
  source     = "./modules/unity"
  depends_on = [module.metastore]

  environment         = var.environment
  catalog             = local.catalog
  access_connector_id = module.databricks.access_connector_id
  storage_urls        = module.storage.container_urls
  key_vault_id        = module.scope_vault.id
  key_vault_uri       = module.scope_vault.uri
  warehouse_size      = var.warehouse_size
  engineers_group     = var.engineers_group
  analysts_group      = var.analysts_group
}
