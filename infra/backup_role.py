"""The role that AWS Backup assumes to make recovery points and copies."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.grants import role
from infra.nag import acknowledge
from infra.services import service


def backup_role(scope: Construct, identifier: str) -> iam.Role:
    """Return a role for AWS Backup alone, with the policy that AWS writes for it.

    Source: AWS Backup Developer Guide, "Managed policies for AWS Backup": the actions behind a backup or a
    copy are AWS Backup's own and change with it, so AWS keeps this policy current.
    """
    made = role(
        scope,
        identifier,
        assumed_by=service("backup.amazonaws.com"),
        description="AWS Backup makes Tidemark's recovery points and copies with it",
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
