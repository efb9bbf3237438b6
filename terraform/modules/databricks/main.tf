# The workspace, whose clusters have no public address, and the identity by which Unity Catalog reaches the lake.

resource "azurerm_databricks_workspace" "this" {
  name                                  = "dbw-${var.name}"
  resource_group_name                   = var.resource_group_name
  managed_resource_group_name           = "rg-${var.name}-databricks"
  location                              = var.location
  sku                                   = "premium"
  public_network_access_enabled         = true
  network_security_group_rules_required = "AllRules"
  infrastructure_encryption_enabled     = true
  tags                                  = var.tags

  custom_parameters {
    no_public_ip                                         = true
    virtual_network_id                                   = var.network.virtual_network_id
    public_subnet_name                                   = var.network.public_subnet_name
    private_subnet_name                                  = var.network.private_subnet_name
    public_subnet_network_security_group_association_id  = var.network.public_association_id
    private_subnet_network_security_group_association_id = var.network.private_association_id
  }
}

resource "azurerm_databricks_access_connector" "this" {
  name                = "dbac-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_role_assignment" "lake" {
  scope                = var.storage_account_id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_databricks_access_connector.this.identity[0].principal_id
}
