"""The role that AWS Backup assumes to create recovery points and copies."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.grants import role
from infra.nag import acknowledge
from infra.services import service


def backup_role(scope: Construct, identifier: str) -> iam.Role:
    """Return a role that only AWS Backup can assume, with the AWS managed policy for it.

    Source: AWS Backup Developer Guide, "Managed policies for AWS Backup": the actions that a backup or copy
    needs are internal to AWS Backup and change, and AWS keeps this policy current.
    """
    made = role(
        scope,
        identifier,
        assumed_by=service("backup.amazonaws.com"),
        description="Assumed by AWS Backup to create Tidemark's recovery points and copies",
        grants=[],
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AWSBackupServiceRolePolicyForBackup")
        ],
    )
    acknowledge(
        made,
        "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup]",
        "The policy AWS documents for backup roles; only AWS Backup can assume the role, and only functions "
        "that start jobs may pass it, for that purpose.",
    )
    return made
