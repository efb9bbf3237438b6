mock_provider "azurerm" {
  mock_data "azurerm_client_config" {
    defaults = {
      tenant_id = "11111111-1111-1111-1111-111111111111"
      object_id = "22222222-2222-2222-2222-222222222222"
    }
  }
}

variables {
  name                = "kv-melpark-test"
  resource_group_name = "rg"
  location            = "australiaeast"
  subnet_id           = "/subnet"
  private_dns_zone_id = "/zone"
}

run "the_vault_is_closed_unless_operators_are_named" {
  command = plan

  assert {
    condition     = !azurerm_key_vault.this.public_network_access_enabled && azurerm_key_vault.this.purge_protection_enabled
    error_message = "The vault is open, or can be purged."
  }
}

run "operators_reach_it_from_their_addresses_only" {
  command = plan

  variables {
    operator_ip_ranges = ["203.0.113.7"]
  }

  assert {
    condition = (
      azurerm_key_vault.this.public_network_access_enabled
      && azurerm_key_vault.this.network_acls[0].default_action == "Deny"
    )
    error_message = "Others than the operators reach the vault."
  }
}

run "nobody_reads_it_who_is_not_named" {
  command = plan

  assert {
    condition     = length(azurerm_role_assignment.reader) == 0
    error_message = "Somebody may read the vault."
  }
}

run "who_is_named_may_read_and_not_write" {
  command = plan

  variables {
    reader_object_ids = { databricks = "33333333-3333-3333-3333-333333333333" }
  }

  assert {
    condition     = azurerm_role_assignment.reader["databricks"].role_definition_name == "Key Vault Secrets User"
    error_message = "A reader may do more than read."
  }
}
