output "address" {
  description = "Where the name of the service points to (an A record), and EC2_HOST when port 22 is open."
  value       = aws_eip.this.public_ip
}

output "instance_id" {
  description = "For Session Manager: aws ssm start-session --target ID."
  value       = aws_instance.this.id
}

output "backup_to" {
  description = "BACKUP_TO in ASSISTANT_SETTINGS."
  value       = "s3://${aws_s3_bucket.backups.bucket}/${var.backup_prefix}"
}

output "deploy_role" {
  description = "AWS_ROLE among the variables of the environment; then EC2_HOST is the instance_id."
  value       = one(aws_iam_role.deploy[*].arn)
}
