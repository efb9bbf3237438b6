environment         = "prod"
storage_replication = "GZRS"
address_space       = "10.44.0.0/20"
warehouse_size      = "Small"

postgres = {
  sku_name              = "GP_Standard_D2ds_v5"
  storage_mb            = 131072
  backup_retention_days = 35
  is_redundant          = true
}
