mock_provider "azurerm" {}

variables {
  name                = "melpark-test"
  resource_group_name = "rg"
  location            = "australiaeast"
  address_space       = "10.42.0.0/20"
}

run "subnets_lie_side_by_side" {
  command = plan

  assert {
    condition = flatten([
      azurerm_subnet.endpoints.address_prefixes,
      azurerm_subnet.postgres.address_prefixes,
      azurerm_subnet.databricks["public"].address_prefixes,
      azurerm_subnet.databricks["private"].address_prefixes,
    ]) == ["10.42.0.0/23", "10.42.2.0/23", "10.42.4.0/23", "10.42.6.0/23"]
    error_message = "Subnets overlap, or moved."
  }
}

run "a_subnet_is_its_services_alone" {
  command = plan

  assert {
    condition = (
      azurerm_subnet.postgres.delegation[0].service_delegation[0].name == "Microsoft.DBforPostgreSQL/flexibleServers"
      && alltrue([
        for subnet in azurerm_subnet.databricks :
        subnet.delegation[0].service_delegation[0].name == "Microsoft.Databricks/workspaces"
      ])
    )
    error_message = "A subnet is delegated to another service, or to none."
  }

  assert {
    condition = (
      !azurerm_subnet.endpoints.default_outbound_access_enabled
      && !azurerm_subnet.postgres.default_outbound_access_enabled
    )
    error_message = "Endpoints or PostgreSQL reach the world."
  }

  assert {
    condition     = azurerm_subnet.endpoints.private_endpoint_network_policies == "Enabled"
    error_message = "Rules do not hold for the endpoints."
  }

  assert {
    condition = (
      toset(keys(azurerm_subnet_network_security_group_association.databricks)) == toset(["public", "private"])
      && toset(keys(azurerm_network_security_group.this)) == toset(["endpoints", "postgres", "databricks"])
    )
    error_message = "A subnet has no group of rules."
  }
}

run "private_names_are_known_in_the_network" {
  command = plan

  assert {
    condition = { for key, zone in azurerm_private_dns_zone.this : key => zone.name } == {
      blob     = "privatelink.blob.core.windows.net"
      dfs      = "privatelink.dfs.core.windows.net"
      vault    = "privatelink.vaultcore.azure.net"
      postgres = "melpark-test.private.postgres.database.azure.com"
    }
    error_message = "A private zone has another name."
  }

  assert {
    condition = (
      { for key, link in azurerm_private_dns_zone_virtual_network_link.this : key => link.private_dns_zone_name }
      == { for key, zone in azurerm_private_dns_zone.this : key => zone.name }
    )
    error_message = "A zone is not linked to the network."
  }
}
