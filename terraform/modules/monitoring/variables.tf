variable "name" {
  description = "Name of the environment, such as melpark-dev."
  type        = string
}

variable "alert_email" {
  description = "Who is told."
  type        = string
}

variable "postgres_server_id" {
  description = "The server whose disk and CPU are watched."
  type        = string
}

variable "diagnosed" {
  description = "Resources whose logs are kept, by a short name."
  type        = map(string)
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
