"""The roles that AWS Backup assumes: to create recovery points and copies, and to restore."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.grants import role
from infra.nag import acknowledge
from infra.services import service

RESTORE_ROLE = "restore-role"  # its name in a deployment


def backup_role(scope: Construct, identifier: str) -> iam.Role:
    """Return a role that only AWS Backup can assume, with the AWS managed policy for it.

    Source: AWS Backup Developer Guide, "Managed policies for AWS Backup": the actions that a backup or copy
    needs are internal to AWS Backup and change, and AWS keeps this policy current.
    """
    return _assumed_by_backup(
        scope,
        identifier,
        policy="AWSBackupServiceRolePolicyForBackup",
        description="Assumed by AWS Backup to create Tidemark's recovery points and copies",
    )


def restore_role(scope: Construct, identifier: str, *, name: str) -> iam.Role:
    """Return a role that only AWS Backup can assume, with the AWS managed policy for restores.

    It has a fixed name, because the main stack's functions refer to it.
    """
    return _assumed_by_backup(
        scope,
        identifier,
        policy="AWSBackupServiceRolePolicyForRestores",
        description="Assumed by AWS Backup to restore Tidemark's recovery points",
        name=name,
    )


def _assumed_by_backup(
    scope: Construct, identifier: str, *, policy: str, description: str, name: str | None = None
) -> iam.Role:
    made = role(
        scope,
        identifier,
        role_name=name,
        assumed_by=service("backup.amazonaws.com"),
        description=description,
        grants=[],
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(f"service-role/{policy}")],
    )
    acknowledge(
        made,
        f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/{policy}]",
        "The policy AWS documents for this purpose; only AWS Backup can assume the role, and only functions "
        "that start jobs may pass it, for that purpose.",
    )
    return made
