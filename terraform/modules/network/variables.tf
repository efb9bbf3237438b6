variable "name" {
  description = "Name of the environment, such as melpark-dev."
  type        = string
}

variable "address_space" {
  description = "Network of the environment, a /20."
  type        = string
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
