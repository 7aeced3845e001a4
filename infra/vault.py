"""A backup vault, in the deployment's Region and in each Region of copies."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_backup as backup
from constructs import Construct

from infra.keys import key


class Vault(Construct):
    """A vault of AWS Backup, encrypted with its own key."""

    def __init__(
        self, scope: Construct, identifier: str, *, deployment: str, name: str, removal: RemovalPolicy
    ) -> None:
        super().__init__(scope, identifier)
        self.key = key(self, "Key", description=f"Tidemark {deployment}: vault {name}", removal=removal)
        self.vault = backup.BackupVault(
            self, "Vault", backup_vault_name=name, encryption_key=self.key, removal_policy=removal
        )
