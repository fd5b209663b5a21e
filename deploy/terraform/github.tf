# With github_repository: deploys reach SSH through Session Manager, by a token that GitHub gives to jobs of the environment
# `production` of that repository alone. No key of AWS lies anywhere.

locals {
  github = var.github_repository == "" ? 0 : 1
}

resource "aws_iam_openid_connect_provider" "github" {
  count = local.github

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "github_assume" {
  count = local.github

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github[0].arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:${var.github_repository}:environment:production"]
    }
  }
}

resource "aws_iam_role" "deploy" {
  count = local.github

  name_prefix        = "${var.name}-deploy-"
  assume_role_policy = data.aws_iam_policy_document.github_assume[0].json

  lifecycle {
    precondition {
      condition     = var.use_ssm
      error_message = "github_repository needs use_ssm: deploys go through Session Manager."
    }
  }
}

data "aws_iam_policy_document" "deploy" {
  count = local.github

  statement {
    sid     = "SshToThisMachine"
    actions = ["ssm:StartSession"]
    resources = [
      aws_instance.this.arn,
      "arn:aws:ssm:${var.region}::document/AWS-StartSSHSession",
    ]

    condition {
      test     = "BoolIfExists"
      variable = "ssm:SessionDocumentAccessCheck"
      values   = ["true"]
    }
  }

  statement {
    sid       = "EndOwnSessions"
    actions   = ["ssm:TerminateSession"]
    resources = ["arn:aws:ssm:*:*:session/$${aws:userid}-*"]
  }
}

resource "aws_iam_role_policy" "deploy" {
  count = local.github

  name   = "deploy"
  role   = aws_iam_role.deploy[0].id
  policy = data.aws_iam_policy_document.deploy[0].json
}
