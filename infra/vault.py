"""A backup vault, in the deployment's Region and in each Region of copies."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_backup as backup
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.copies import NO_COPIES, CopyAccounts
from infra.keys import key


class Vault(Construct):
    """A vault of AWS Backup, encrypted with its own key."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        deployment: str,
        name: str,
        removal: RemovalPolicy,
        copies: CopyAccounts = NO_COPIES,
    ) -> None:
        """`copies` are the other accounts that copy into the vault, or to which its points are copied."""
        super().__init__(scope, identifier)
        self.key = key(self, "Key", description=f"Tidemark {deployment}: vault {name}", removal=removal)
        self.vault = backup.BackupVault(
            self, "Vault", backup_vault_name=name, encryption_key=self.key, removal_policy=removal
        )
        if copies.sources:
            self.vault.add_to_access_policy(
                iam.PolicyStatement(
                    sid="CopiesOfOtherAccounts",
                    principals=[iam.AccountPrincipal(account) for account in copies.sources],
                    actions=["backup:CopyIntoBackupVault"],
                    resources=["*"],
                )
            )
        if copies.targets:
            _share(self.key, copies.targets)


def _share(key: kms.Key, accounts: Sequence[str]) -> None:
    """Let AWS Backup in other accounts read the points that are copied there.

    Source: AWS Backup Developer Guide, "Creating backup copies across AWS accounts"; AWS KMS Developer Guide,
    "Allowing users in other accounts to use a KMS key".
    """
    principals: list[iam.IPrincipal] = [iam.AccountPrincipal(account) for account in accounts]
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CopiesToOtherAccounts",
            principals=principals,
            actions=["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:ReEncryptFrom"],
            resources=["*"],
        )
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="GrantsForCopies",
            principals=principals,
            actions=["kms:CreateGrant"],
            resources=["*"],
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        )
    )
