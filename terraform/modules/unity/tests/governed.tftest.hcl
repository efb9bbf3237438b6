mock_provider "databricks" {}

variables {
  environment         = "test"
  catalog             = "melpark_test"
  access_connector_id = "/connector"
  storage_urls = {
    bronze = "abfss://bronze@lake.dfs.core.windows.net/"
    silver = "abfss://silver@lake.dfs.core.windows.net/"
    gold   = "abfss://gold@lake.dfs.core.windows.net/"
  }
  key_vault_id    = "/vault"
  key_vault_uri   = "https://vault.example.org/"
  warehouse_size  = "2X-Small"
  engineers_group = "engineers"
  analysts_group  = "analysts"
}

run "analysts_read_gold_and_nothing_else" {
  command = plan

  assert {
    condition = [
      for layer, schema in databricks_grants.schema : layer
      if contains([for grant in schema.grant : grant.principal], "analysts")
    ] == ["gold"]
    error_message = "Analysts have rights in another layer, or none in gold."
  }

  assert {
    condition = toset(flatten([
      for grant in databricks_grants.schema["gold"].grant : grant.privileges if grant.principal == "analysts"
    ])) == toset(["USE_SCHEMA", "SELECT"])
    error_message = "Analysts may do more in gold than read it."
  }

  # What is granted on the catalogue holds in every schema of it.
  assert {
    condition = toset(flatten([
      for grant in databricks_grants.catalog.grant : grant.privileges
    ])) == toset(["USE_CATALOG"])
    error_message = "Somebody has rights in the whole catalogue."
  }
}

run "engineers_change_every_layer_and_own_none" {
  command = plan

  assert {
    condition = alltrue([
      for schema in databricks_grants.schema : alltrue([
        for grant in schema.grant : contains(grant.privileges, "MODIFY") && !contains(grant.privileges, "ALL_PRIVILEGES")
        if grant.principal == "engineers"
      ])
    ])
    error_message = "Engineers cannot write a layer, or may do everything there."
  }

  assert {
    condition = alltrue([
      for schema in databricks_grants.schema : contains([for grant in schema.grant : grant.principal], "engineers")
    ])
    error_message = "A layer is not the engineers'."
  }
}

run "each_layer_is_a_schema_in_a_container_of_its_own" {
  command = plan

  assert {
    condition = var.storage_urls == tomap({
      for layer, location in databricks_external_location.layer : layer => location.url
    })
    error_message = "A layer lies elsewhere."
  }

  assert {
    condition = (
      { for layer, schema in databricks_schema.layer : schema.name => schema.storage_root }
      == { for layer, url in var.storage_urls : layer => "${url}tables" }
    )
    error_message = "A schema is missing, or lies in another container."
  }

  assert {
    condition     = output.schemas == tolist(["bronze", "gold", "silver"])
    error_message = "The output lacks a schema."
  }

  assert {
    condition = (
      databricks_volume.landing.storage_location == "abfss://bronze@lake.dfs.core.windows.net/landing"
      && databricks_volume.checkpoints.volume_type == "MANAGED"
    )
    error_message = "Files land elsewhere, or checkpoints can be written beside Unity Catalog."
  }
}

run "no_other_workspace_of_the_metastore_sees_the_lake" {
  command = plan

  assert {
    condition = (
      databricks_storage_credential.lake.isolation_mode == "ISOLATION_MODE_ISOLATED"
      && databricks_storage_credential.lake.azure_managed_identity[0].access_connector_id == "/connector"
      && databricks_catalog.this.isolation_mode == "ISOLATED"
      && alltrue([
        for location in databricks_external_location.layer :
        location.isolation_mode == "ISOLATION_MODE_ISOLATED" && location.credential_name == "melpark-test"
      ])
    )
    error_message = "Another workspace reaches the lake, or another identity does."
  }

  # The metastore knows a name once.
  assert {
    condition     = alltrue([for location in databricks_external_location.layer : startswith(location.name, "melpark-test-")])
    error_message = "Two environments have a location of one name."
  }
}

run "analysts_ask_the_warehouse_whose_machines_reach_the_lake" {
  command = plan

  assert {
    condition     = !databricks_sql_endpoint.this.enable_serverless_compute && databricks_sql_endpoint.this.auto_stop_mins == 10
    error_message = "The warehouse stands outside of the network, or never stops."
  }

  assert {
    condition = {
      for one in databricks_permissions.warehouse.access_control : one.group_name => one.permission_level
    } == { engineers = "CAN_MONITOR", analysts = "CAN_USE" }
    error_message = "Others ask the warehouse, or may manage it."
  }

  assert {
    condition     = databricks_secret_scope.this.keyvault_metadata[0].resource_id == "/vault"
    error_message = "The secret scope is another vault."
  }
}
