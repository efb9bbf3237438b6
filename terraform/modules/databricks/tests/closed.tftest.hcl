mock_provider "azurerm" {}

variables {
  name                = "melpark-test"
  resource_group_name = "rg"
  location            = "australiaeast"
  storage_account_id  = "/lake"
  network = {
    virtual_network_id     = "/network"
    public_subnet_name     = "public"
    private_subnet_name    = "private"
    public_association_id  = "/public"
    private_association_id = "/private"
  }
}

run "clusters_have_no_public_address_and_stand_in_our_network" {
  command = plan

  assert {
    condition = (
      azurerm_databricks_workspace.this.custom_parameters[0].no_public_ip
      && azurerm_databricks_workspace.this.custom_parameters[0].virtual_network_id == "/network"
      && azurerm_databricks_workspace.this.custom_parameters[0].public_subnet_name == "public"
      && azurerm_databricks_workspace.this.custom_parameters[0].private_subnet_name == "private"
    )
    error_message = "A cluster has a public address, or stands elsewhere."
  }

  # Unity Catalog and roles want it.
  assert {
    condition     = azurerm_databricks_workspace.this.sku == "premium"
    error_message = "The workspace is not premium."
  }
}

run "the_workspaces_identity_may_write_the_lake_and_nothing_else" {
  command = plan

  assert {
    condition     = azurerm_databricks_access_connector.this.identity[0].type == "SystemAssigned"
    error_message = "The identity is not the connector's own."
  }

  assert {
    condition = (
      azurerm_role_assignment.lake.scope == "/lake"
      && azurerm_role_assignment.lake.role_definition_name == "Storage Blob Data Contributor"
    )
    error_message = "The identity may do something else."
  }
}
