# The workspace comes under the region's metastore. Asked of the account, so the provider is the account's.

resource "databricks_metastore_assignment" "this" {
  metastore_id = var.metastore_id
  workspace_id = var.workspace_id
}
