variable "name" {
  description = "Name of the environment, such as melpark-dev."
  type        = string
}

variable "storage_account_id" {
  description = "Storage account of the lake, which the workspace's identity may write."
  type        = string
}

variable "network" {
  description = "Network of the workspace's clusters, as module network gives it."
  type = object({
    virtual_network_id     = string
    public_subnet_name     = string
    private_subnet_name    = string
    public_association_id  = string
    private_association_id = string
  })
}

variable "resource_group_name" {
  description = "Resource group that everything is made in."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
