# Against mocked providers: nothing is asked of Azure or Databricks. `random` is itself: ephemeral values cannot be mocked.

mock_provider "azurerm" {
  mock_data "azurerm_client_config" {
    defaults = {
      tenant_id = "11111111-1111-1111-1111-111111111111"
      object_id = "22222222-2222-2222-2222-222222222222"
    }
  }
}

mock_provider "databricks" {}

mock_provider "databricks" {
  alias = "account"
}

variables {
  subscription_id       = "00000000-0000-0000-0000-000000000000"
  databricks_account_id = "00000000-0000-0000-0000-000000000000"
  databricks_object_id  = "00000000-0000-0000-0000-000000000000"
  metastore_id          = "00000000-0000-0000-0000-000000000000"
  environment           = "dev"
  suffix                = "a1b2"
  engineers_group       = "engineers"
  analysts_group        = "analysts"
  alert_email           = "operators@example.org"
}

run "names_and_outputs_of_dev" {
  command = plan

  assert {
    condition     = output.storage_name == "stmelparkdeva1b2"
    error_message = "The storage account is not named by environment and suffix."
  }

  assert {
    condition     = output.catalog == "melpark_dev"
    error_message = "The catalogue of dev is not melpark_dev."
  }

  assert {
    condition     = output.schemas == tolist(["bronze", "gold", "silver"])
    error_message = "The catalogue lacks a layer."
  }

  assert {
    condition     = output.container_urls["silver"] == "abfss://silver@stmelparkdeva1b2.dfs.core.windows.net/"
    error_message = "The address of silver is another."
  }

  assert {
    condition     = output.database == "melpark"
    error_message = "The database is not the one that the app opens."
  }
}

run "prod_is_redundant_and_has_the_plain_name" {
  command = plan

  variables {
    environment = "prod"
    postgres = {
      sku_name              = "GP_Standard_D2ds_v5"
      storage_mb            = 131072
      backup_retention_days = 35
      is_redundant          = true
    }
  }

  assert {
    condition     = output.catalog == "melpark"
    error_message = "The catalogue of prod is not melpark."
  }
}

run "an_environment_is_one_of_three" {
  command = plan

  variables {
    environment = "staging"
  }

  expect_failures = [var.environment]
}

run "a_suffix_is_short" {
  command = plan

  variables {
    suffix = "Too-Long-One"
  }

  expect_failures = [var.suffix]
}
