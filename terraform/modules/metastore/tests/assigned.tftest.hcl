mock_provider "databricks" {}

variables {
  metastore_id = "00000000-0000-0000-0000-000000000000"
  workspace_id = "1234567890"
}

run "the_workspace_comes_under_the_regions_metastore" {
  command = plan

  assert {
    condition = (
      databricks_metastore_assignment.this.metastore_id == var.metastore_id
      && tostring(databricks_metastore_assignment.this.workspace_id) == var.workspace_id
    )
    error_message = "Another workspace, or another metastore."
  }

  assert {
    condition     = output.metastore_id == var.metastore_id
    error_message = "The output names another metastore."
  }
}
