# The catalogue with a schema per layer, each in its own container, who may do what in it, and the warehouse.

resource "databricks_storage_credential" "lake" {
  name           = "melpark-${var.environment}"
  comment        = "Managed identity of the access connector"
  isolation_mode = "ISOLATION_MODE_ISOLATED"

  azure_managed_identity {
    access_connector_id = var.access_connector_id
  }
}

resource "databricks_external_location" "layer" {
  for_each = var.storage_urls

  name            = "melpark-${var.environment}-${each.key}"
  url             = each.value
  credential_name = databricks_storage_credential.lake.name
  isolation_mode  = "ISOLATION_MODE_ISOLATED"
  comment         = "Container ${each.key} of the lake"
}

resource "databricks_catalog" "this" {
  name           = var.catalog
  comment        = "MelPark: the City of Melbourne's parking, live and in history"
  isolation_mode = "ISOLATED"
  storage_root   = "${databricks_external_location.layer["gold"].url}catalog"
}

resource "databricks_schema" "layer" {
  for_each = databricks_external_location.layer

  catalog_name = databricks_catalog.this.name
  name         = each.key
  storage_root = "${each.value.url}tables"
  comment      = "Layer ${each.key}"
}

# What the queries have read. Managed, so that nobody writes beside Unity Catalog.
resource "databricks_volume" "checkpoints" {
  catalog_name = databricks_catalog.this.name
  schema_name  = databricks_schema.layer["bronze"].name
  name         = "checkpoints"
  volume_type  = "MANAGED"
  comment      = "Checkpoints of the streams"
}

resource "databricks_volume" "landing" {
  catalog_name     = databricks_catalog.this.name
  schema_name      = databricks_schema.layer["bronze"].name
  name             = "landing"
  volume_type      = "EXTERNAL"
  storage_location = "${databricks_external_location.layer["bronze"].url}landing"
  comment          = "Files of change events, for Auto Loader"
}

resource "databricks_grants" "catalog" {
  catalog = databricks_catalog.this.name

  grant {
    principal  = var.engineers_group
    privileges = ["USE_CATALOG"]
  }

  grant {
    principal  = var.analysts_group
    privileges = ["USE_CATALOG"]
  }
}

resource "databricks_grants" "schema" {
  for_each = databricks_schema.layer

  schema = each.value.id

  grant {
    principal = var.engineers_group
    privileges = [
      "USE_SCHEMA", "SELECT", "MODIFY", "CREATE_TABLE", "READ_VOLUME", "WRITE_VOLUME",
    ]
  }

  # Bronze and silver hold what was refused, too: analysts read gold.
  dynamic "grant" {
    for_each = each.key == "gold" ? [var.analysts_group] : []

    content {
      principal  = grant.value
      privileges = ["USE_SCHEMA", "SELECT"]
    }
  }
}

resource "databricks_sql_endpoint" "this" {
  name             = "melpark-${var.environment}"
  cluster_size     = var.warehouse_size
  min_num_clusters = 1
  max_num_clusters = 2
  auto_stop_mins   = 10
  warehouse_type   = "PRO"
  # Its machines stand in the network, which alone reaches the lake.
  enable_serverless_compute = false

  tags {
    custom_tags {
      key   = "project"
      value = "melpark"
    }
  }
}

resource "databricks_permissions" "warehouse" {
  sql_endpoint_id = databricks_sql_endpoint.this.id

  access_control {
    group_name       = var.engineers_group
    permission_level = "CAN_MONITOR"
  }

  access_control {
    group_name       = var.analysts_group
    permission_level = "CAN_USE"
  }
}

resource "databricks_secret_scope" "this" {
  name = "melpark"

  keyvault_metadata {
    resource_id = var.key_vault_id
    dns_name    = var.key_vault_uri
  }
}
