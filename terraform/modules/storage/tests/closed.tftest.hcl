mock_provider "azurerm" {}

variables {
  name                = "stmelparktest"
  resource_group_name = "rg"
  location            = "australiaeast"
  replication         = "LRS"
  subnet_id           = "/subnet"
  private_dns_zones   = { blob = "/blob", dfs = "/dfs" }
}

run "the_lake_is_closed_to_the_world" {
  command = plan

  assert {
    condition = (
      !azurerm_storage_account.this.public_network_access_enabled
      && !azurerm_storage_account.this.shared_access_key_enabled
      && !azurerm_storage_account.this.allow_nested_items_to_be_public
      && azurerm_storage_account.this.is_hns_enabled
    )
    error_message = "The storage account is open, or is no data lake."
  }

  assert {
    condition     = toset(keys(azurerm_storage_container.this)) == toset(["bronze", "silver", "gold"])
    error_message = "There is not one container for each layer."
  }
}
