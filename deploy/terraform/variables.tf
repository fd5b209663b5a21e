variable "region" {
  description = "AWS region, such as eu-central-1."
  type        = string
}

variable "name" {
  description = "Prefix of everything that is made, and part of the bucket's name."
  type        = string
  default     = "mlops-assistant"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,29}$", var.name))
    error_message = "Small letters, digits and hyphens, up to 30, beginning with a letter."
  }
}

variable "architecture" {
  description = "arm64 or x86_64. The image is built for both."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "arm64 or x86_64."
  }
}

variable "instance_type" {
  description = "Must be of the architecture. 4 GB of memory carry the default stack; t4g.small (2 GB) the single container."
  type        = string
  default     = "t4g.medium"
}

variable "disk_size" {
  description = "Size of the encrypted disk, in GB."
  type        = number
  default     = 40

  validation {
    condition     = var.disk_size >= 20
    error_message = "At least 20 GB: images of two releases, the database and the index."
  }
}

variable "ssh_public_key" {
  description = "Public half of EC2_SSH_KEY, as in id_ed25519.pub."
  type        = string
}

variable "ssh_cidrs" {
  description = "Networks that may reach port 22. Empty: none, and SSH goes through Session Manager (use_ssm)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.ssh_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Each must be a network such as 203.0.113.0/24."
  }
}

variable "use_ssm" {
  description = "Let Session Manager reach the machine, so that port 22 can stay closed."
  type        = bool
  default     = true
}

variable "open_http" {
  description = "Open port 80 too. Certificates do not need it (they are proved on 443); people who type the name without https do."
  type        = bool
  default     = false
}

variable "backup_prefix" {
  description = "Folder of the bucket that the machine may write backups to."
  type        = string
  default     = "backups"
}

variable "backup_days" {
  description = "Days until a backup is deleted."
  type        = number
  default     = 35
}

variable "github_repository" {
  description = "owner/name, so that its deploys may use Session Manager. Empty: they need port 22 (ssh_cidrs)."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9-]+/[A-Za-z0-9._-]+)?$", var.github_repository))
    error_message = "owner/name, or empty."
  }
}
