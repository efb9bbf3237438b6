mock_provider "azurerm" {}

variables {
  name                = "melpark-test"
  resource_group_name = "rg"
  location            = "australiaeast"
  alert_email         = "operators@example.org"
  postgres_server_id  = "/server"
  diagnosed           = { postgres = "/server", keyvault = "/vault" }
}

run "every_resource_that_is_named_tells_all_its_logs" {
  command = plan

  assert {
    condition = var.diagnosed == tomap({
      for name, one in azurerm_monitor_diagnostic_setting.this : name => one.target_resource_id
    })
    error_message = "A resource tells no logs, or another one does."
  }

  assert {
    condition = alltrue([
      for one in azurerm_monitor_diagnostic_setting.this :
      [for kind in one.enabled_log : kind.category_group] == ["allLogs"]
    ])
    error_message = "Not all logs are kept."
  }

  assert {
    condition     = !azurerm_log_analytics_workspace.this.local_authentication_enabled
    error_message = "Logs can be written by a key."
  }
}

run "the_operators_are_told_when_postgres_has_no_disk_cpu_or_session_left" {
  command = plan

  assert {
    condition = (
      toset(keys(azurerm_monitor_metric_alert.postgres))
      == toset(["storage_percent", "cpu_percent", "active_connections"])
    )
    error_message = "Something is not watched."
  }

  assert {
    condition = alltrue([
      for metric, alert in azurerm_monitor_metric_alert.postgres :
      alert.scopes == toset(["/server"])
      && alert.criteria[0].metric_name == metric && alert.criteria[0].operator == "GreaterThan"
    ])
    error_message = "An alert looks at something else than its metric of the server."
  }

  assert {
    condition     = azurerm_monitor_action_group.this.email_receiver[0].email_address == "operators@example.org"
    error_message = "Somebody else is told."
  }
}
