# The machine: Ubuntu 24.04, an encrypted disk, tokens for its metadata, Docker from bootstrap.sh on the first start.

data "aws_ssm_parameter" "ubuntu" {
  name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/${var.architecture == "arm64" ? "arm64" : "amd64"}/hvm/ebs-gp3/ami-id"
}

resource "aws_key_pair" "this" {
  key_name_prefix = "${var.name}-"
  public_key      = var.ssh_public_key
}

resource "aws_instance" "this" {
  ami                    = data.aws_ssm_parameter.ubuntu.insecure_value
  instance_type          = var.instance_type
  subnet_id              = aws_subnet.this.id
  vpc_security_group_ids = [aws_security_group.this.id]
  iam_instance_profile   = aws_iam_instance_profile.this.name
  key_name               = aws_key_pair.this.key_name
  user_data              = file("${path.module}/../bootstrap.sh")

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 2 # one more than the machine itself: the app in its container writes backups to S3
  }

  root_block_device {
    volume_type           = "gp3"
    volume_size           = var.disk_size
    encrypted             = true
    delete_on_termination = false # the data outlives a machine that is ended by mistake
  }

  lifecycle {
    ignore_changes = [ami, user_data] # a newer Ubuntu or bootstrap.sh is no reason to replace a machine that has data
  }

  tags = { Name = var.name }
}
