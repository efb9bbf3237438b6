environment         = "dev"
storage_replication = "LRS"
