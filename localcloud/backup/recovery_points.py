"""Recovery points and their representation in the API."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from localcloud.backup.arns import VaultArn
from localcloud.backup.lifecycle import calculated_lifecycle

PointStatus = Literal["CREATING", "COMPLETED", "PARTIAL", "DELETING", "EXPIRED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPoint:
    """A backup of a file system in one vault."""

    arn: str
    vault: VaultArn
    vault_type: str = "BACKUP_VAULT"
    source_vault: VaultArn | None  # of the source, if this is a copy
    resource_arn: str
    role_arn: str
    status: PointStatus
    created_at: datetime  # for a copy: its source's
    initiated_at: datetime
    completed_at: datetime | None = None
    size: int = 0  # bytes
    lifecycle: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    encryption_key_arn: str | None = None
    status_message: str | None = None
    restore_metadata: dict[str, str] = field(default_factory=dict)  # of the file system, at its backup

    @property
    def finished(self) -> bool:
        """Whether no more bytes will be written."""
        return self.status in ("COMPLETED", "PARTIAL")

    def in_vault_list(self) -> dict[str, Any]:
        """Return a member of ListRecoveryPointsByBackupVault."""
        return {
            "RecoveryPointArn": self.arn,
            "BackupVaultName": self.vault.name,
            "BackupVaultArn": str(self.vault),
            "SourceBackupVaultArn": str(self.source_vault) if self.source_vault else None,
            "ResourceArn": self.resource_arn,
            "ResourceType": "EFS",
            "IamRoleArn": self.role_arn,
            "Status": self.status,
            "StatusMessage": self.status_message,
            "CreationDate": self.created_at,
            "InitiationDate": self.initiated_at,
            "CompletionDate": self.completed_at,
            "BackupSizeInBytes": self.size,
            "CalculatedLifecycle": calculated_lifecycle(self.created_at, self.lifecycle) or None,
            "Lifecycle": self.lifecycle or None,
            "EncryptionKeyArn": self.encryption_key_arn,
            "IsEncrypted": True,
            "IsParent": False,
            "VaultType": self.vault_type,
        }

    def description(self) -> dict[str, Any]:
        """Return the response of DescribeRecoveryPoint."""
        return {**self.in_vault_list(), "StorageClass": "WARM"}

    def in_resource_list(self) -> dict[str, Any]:
        """Return a member of ListRecoveryPointsByResource, where the size has a different name."""
        return {
            "RecoveryPointArn": self.arn,
            "CreationDate": self.created_at,
            "Status": self.status,
            "StatusMessage": self.status_message,
            "EncryptionKeyArn": self.encryption_key_arn,
            "BackupSizeBytes": self.size,
            "BackupVaultName": self.vault.name,
            "IsParent": False,
            "VaultType": self.vault_type,
        }
