# Logs of every resource in one place, and a mail when PostgreSQL is in trouble; MelPark's own metrics are Prometheus'.

locals {
  alerts = {
    storage_percent    = { threshold = 80, what = "The disk of PostgreSQL fills: a slot may keep WAL" }
    cpu_percent        = { threshold = 90, what = "PostgreSQL has no CPU left" }
    active_connections = { threshold = 80, what = "PostgreSQL has many sessions" }
  }
}

resource "azurerm_log_analytics_workspace" "this" {
  name                         = "log-${var.name}"
  resource_group_name          = var.resource_group_name
  location                     = var.location
  sku                          = "PerGB2018"
  retention_in_days            = 30
  local_authentication_enabled = false
  tags                         = var.tags
}

resource "azurerm_monitor_diagnostic_setting" "this" {
  for_each = var.diagnosed

  name                       = "to-log-analytics"
  target_resource_id         = each.value
  log_analytics_workspace_id = azurerm_log_analytics_workspace.this.id

  enabled_log {
    category_group = "allLogs"
  }
}

resource "azurerm_monitor_action_group" "this" {
  name                = "ag-${var.name}"
  resource_group_name = var.resource_group_name
  short_name          = "melpark"
  tags                = var.tags

  email_receiver {
    name                    = "operators"
    email_address           = var.alert_email
    use_common_alert_schema = true
  }
}

resource "azurerm_monitor_metric_alert" "postgres" {
  for_each = local.alerts

  name                = "alert-${var.name}-postgres-${each.key}"
  resource_group_name = var.resource_group_name
  scopes              = [var.postgres_server_id]
  description         = each.value.what
  severity            = 2
  frequency           = "PT5M"
  window_size         = "PT15M"
  tags                = var.tags

  criteria {
    metric_namespace = "Microsoft.DBforPostgreSQL/flexibleServers"
    metric_name      = each.key
    aggregation      = "Average"
    operator         = "GreaterThan"
    threshold        = each.value.threshold
  }

  action {
    action_group_id = azurerm_monitor_action_group.this.id
  }
}
