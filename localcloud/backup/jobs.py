"""The three kinds of job and their representation in the API.

    CREATED -> RUNNING -> COMPLETED | PARTIAL | FAILED
       |          `-> ABORTING -> ABORTED       StopBackupJob; copies and restores cannot be stopped
       `-> EXPIRED                              another job of the same resource ran until the window ended

A restore's first state is called PENDING.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localcloud.backup.arns import VaultArn
from localcloud.backup.restore_metadata import NewFileSystem

WAITING = ("CREATED", "PENDING")
UNFINISHED = (*WAITING, "RUNNING", "ABORTING")
# Source: AWS Backup Developer Guide, "Monitoring AWS Backup events using EventBridge", an expired job.
STILL_BUSY = "Backup job failed because there was a running job for the same resource."
MOST_COPIES = 100  # concurrent, per account and destination Region. Source: AWS Backup's quotas


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The fields of every job."""

    id: str
    account: str
    region: str  # where it was requested
    resource_arn: str  # the file system that it backs up, copies or restores
    role_arn: str
    created_at: datetime
    state: str = "CREATED"
    status_message: str | None = None
    initiated_at: datetime | None = None  # when RUNNING began
    due_at: datetime | None = None  # earliest time of completion
    completed_at: datetime | None = None
    size: int = 0  # bytes
    token: str | None = None
    request: dict[str, Any] = field(default_factory=dict)  # the parameters, compared when a token is reused

    @property
    def unfinished(self) -> bool:
        """Whether the state can still change."""
        return self.state in UNFINISHED

    def percent_done(self, now: datetime) -> str:
        """Return PercentDone as text with one decimal place."""
        if self.state == "COMPLETED":
            return "100.0"
        if self.initiated_at is None or self.due_at is None:
            return "0.0"
        whole = (self.due_at - self.initiated_at).total_seconds()
        return f"{min(99.0, 100 * (now - self.initiated_at).total_seconds() / max(whole, 1e-3)):.1f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupJob(Job):
    """StartBackupJob's."""

    vault: VaultArn
    point_arn: str
    start_by: datetime
    complete_by: datetime
    lifecycle: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)

    def in_list(self, now: datetime) -> dict[str, Any]:
        """Return a member of ListBackupJobs."""
        return {
            "AccountId": self.account,
            "BackupJobId": self.id,
            "BackupVaultName": self.vault.name,
            "BackupVaultArn": str(self.vault),
            "VaultType": "BACKUP_VAULT",
            "RecoveryPointArn": self.point_arn,
            "RecoveryPointLifecycle": self.lifecycle or None,
            "ResourceArn": self.resource_arn,
            "ResourceType": "EFS",
            "CreationDate": self.created_at,
            "InitiationDate": self.initiated_at,
            "CompletionDate": self.completed_at,
            "State": self.state,
            "StatusMessage": self.status_message,
            "PercentDone": self.percent_done(now),
            "BackupSizeInBytes": self.size,
            "BytesTransferred": self.size,
            "IamRoleArn": self.role_arn,
            "ExpectedCompletionDate": self.due_at,
            "StartBy": self.start_by,
            "BackupOptions": self.options or None,
            "IsEncrypted": True,
            "IsParent": False,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyJob(Job):
    """StartCopyJob's."""

    source_vault: VaultArn
    source_point_arn: str
    vault: VaultArn  # the destination
    vault_type: str = "BACKUP_VAULT"  # known once it runs
    point_arn: str
    lifecycle: dict[str, Any] = field(default_factory=dict)

    def in_list(self, now: datetime) -> dict[str, Any]:  # a copy has no PercentDone
        """Return a member of ListCopyJobs, which is also DescribeCopyJob's CopyJob."""
        return {
            "AccountId": self.account,
            "CopyJobId": self.id,
            "SourceBackupVaultArn": str(self.source_vault),
            "SourceRecoveryPointArn": self.source_point_arn,
            "DestinationBackupVaultArn": str(self.vault),
            "DestinationVaultType": self.vault_type,
            "DestinationRecoveryPointArn": None if self.state == "CREATED" else self.point_arn,
            "DestinationRecoveryPointLifecycle": self.lifecycle or None,
            "ResourceArn": self.resource_arn,
            "ResourceType": "EFS",
            "CreationDate": self.created_at,
            "CompletionDate": self.completed_at,
            "State": self.state,
            "StatusMessage": self.status_message,
            "BackupSizeInBytes": self.size,
            "IamRoleArn": self.role_arn,
            "IsParent": False,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreJob(Job):
    """A restore job.

    Its `resource_arn` is the file system that is restored *into*; if that is a new one, the source's until it
    has been created.
    """

    source_resource_arn: str
    point_arn: str
    point_created_at: datetime
    vault: VaultArn
    items: tuple[str, ...]  # empty: everything
    new: NewFileSystem | None = None
    copies_tags: bool = False  # of the recovery point to the new file system
    expected_minutes: int = 1
    plan_arn: str | None = None  # of the restore testing plan that started it
    validation_hours: int = 0  # after its completion
    validation_status: str | None = None
    validation_message: str | None = None
    deletion_status: str | None = None
    deletion_message: str | None = None

    def in_list(self, now: datetime) -> dict[str, Any]:
        """Return a member of ListRestoreJobs, which is also the response of DescribeRestoreJob."""
        return {
            "AccountId": self.account,
            "RestoreJobId": self.id,
            "RecoveryPointArn": self.point_arn,
            "SourceResourceArn": self.source_resource_arn,
            "BackupVaultArn": str(self.vault),
            "CreationDate": self.created_at,
            "CompletionDate": self.completed_at,
            "Status": self.state,
            "StatusMessage": self.status_message,
            "PercentDone": f"{float(self.percent_done(now)):.2f}%",
            "BackupSizeInBytes": self.size,
            "IamRoleArn": self.role_arn,
            "ExpectedCompletionTimeMinutes": self.expected_minutes,
            "CreatedResourceArn": self.resource_arn if self.state == "COMPLETED" else None,
            "ResourceType": "EFS",
            "RecoveryPointCreationDate": self.point_created_at,
            "IsParent": False,
            "CreatedBy": {"RestoreTestingPlanArn": self.plan_arn} if self.plan_arn else None,
            "ValidationStatus": self.validation_status,
            "ValidationStatusMessage": self.validation_message,
            "DeletionStatus": self.deletion_status,
            "DeletionStatusMessage": self.deletion_message,
        }
