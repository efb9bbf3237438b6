environment         = "test"
storage_replication = "LRS"
address_space       = "10.43.0.0/20"
