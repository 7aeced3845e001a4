"""Backup and copy jobs of AWS Backup: idempotent starts, and job states as Tidemark's values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.aws.retention import lifecycle
from tidemark.aws.vaults import copy_error, vault_error
from tidemark.policy.policy import CopyTarget, Policy
from tidemark.policy.windows import start_window_minutes
from tidemark.sessions.session import (
    RUNNING_JOB_STATES,
    FileSystem,
    Job,
    Point,
    PointKind,
    partition_of,
)

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_backup.type_defs import LifecycleTypeDef

# Seven days: the longest time that a backup of a very large file system may take. Source: StartBackupJob.
COMPLETE_WINDOW_MINUTES = 10_080

# A partial recovery point can be restored; its session records AWS Backup's message about it.
_DONE = {"COMPLETED", "PARTIAL"}
# The console's "Completed with issues" is COMPLETED with any other category. Source: AWS Backup Developer
# Guide, "Job statuses".
_WHOLE = ("COMPLETED", "SUCCESS")


class LifecycleArgument(TypedDict, total=False):
    """The Lifecycle argument, which is omitted for a backup that never expires."""

    Lifecycle: LifecycleTypeDef


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """The state of a job."""

    job_id: str
    state: str  # AWS Backup's state
    category: str  # AWS Backup's MessageCategory: SUCCESS, ACCESSDENIED, ...; empty if it gave none
    recovery_point_arn: str
    vault: str  # the vault of the recovery point
    message: str  # AWS Backup's message; empty if it gave none
    size_bytes: int
    completed_at: datetime | None
    created_at: datetime | None = None

    @property
    def is_running(self) -> bool:
        """Whether the state can still change."""
        return self.state in RUNNING_JOB_STATES

    @property
    def is_done(self) -> bool:
        """Whether there is a recovery point that can be restored."""
        return self.state in _DONE

    @property
    def end(self) -> str:
        """The state of the ended job, followed by AWS Backup's reason."""
        return f"{self.state}: {self.message or 'AWS Backup gave no reason'}"

    def point(self, kind: PointKind, *, account: str, region: str, now: datetime) -> Point:
        """Return the recovery point of a job that is done. `now` replaces a time that AWS omitted."""
        whole = (self.state, self.category.upper() or "SUCCESS") == _WHOLE
        return Point(
            recovery_point_arn=self.recovery_point_arn,
            kind=kind,
            account=account,
            region=region,
            vault=self.vault,
            job_id=self.job_id,
            size_bytes=self.size_bytes,
            completed_at=self.completed_at or now,
            issues="" if whole else self.end,
        )


def idempotency_token(session_id: str, attempt: int, target: str) -> str:
    """Return the idempotency token of a job, which depends on session, attempt and vault only."""
    return hashlib.sha256(f"{session_id}\n{attempt}\n{target}".encode()).hexdigest()


def vault_arn(target: CopyTarget, account: str) -> str:
    """Return the ARN of a copy's vault."""
    partition = partition_of(target.region)
    return f"arn:{partition}:backup:{target.region}:{target.account or account}:backup-vault:{target.vault}"


def start_backup(
    client: BackupClient,
    policy: Policy,
    file_system: FileSystem,
    *,
    role: str,
    token: str,
    tags: Mapping[str, str],
) -> tuple[str, str]:
    """Start the backup job, or find the one started with this token; return its id and its point's ARN.

    Raises VaultNotFound, AccessDenied. Source: StartBackupJob; for EFS the response contains the recovery
    point ARN.
    """
    kept = lifecycle("backup", policy.keep_days, policy.cold_after_days)
    optional: LifecycleArgument = {} if kept is None else {"Lifecycle": kept}
    try:
        answer = client.start_backup_job(
            BackupVaultName=policy.vault,
            ResourceArn=file_system.arn,
            IamRoleArn=role,
            IdempotencyToken=token,
            StartWindowMinutes=start_window_minutes(policy.calendar or policy.schedule),
            CompleteWindowMinutes=COMPLETE_WINDOW_MINUTES,
            RecoveryPointTags=dict(tags),
            **optional,
        )
    except ClientError as error:
        known = vault_error(error, policy.vault, policy.region)
        if known is None:
            raise
        raise known from error
    return answer["BackupJobId"], answer.get("RecoveryPointArn", "")


def describe_backup(client: BackupClient, job_id: str) -> JobState:
    """Return the state of a backup job."""
    job = client.describe_backup_job(BackupJobId=job_id)
    return JobState(
        job_id=job_id,
        state=job["State"],
        category=job.get("MessageCategory", ""),
        recovery_point_arn=job.get("RecoveryPointArn", ""),
        vault=job.get("BackupVaultName", ""),
        message=job.get("StatusMessage", ""),
        size_bytes=job.get("BackupSizeInBytes", 0),
        completed_at=job.get("CompletionDate"),
        created_at=job.get("CreationDate"),
    )


def start_copy(
    client: BackupClient,
    policy: Policy,
    target: CopyTarget,
    *,
    account: str,
    recovery_point_arn: str,
    role: str,
    token: str,
) -> str:
    """Start the copy job of a recovery point, or find the one started with this token; return its id.

    Raises VaultNotFound, AccessDenied, for the point and its vault or for the target vault.
    """
    kept = lifecycle("copy", target.keep_days, target.cold_after_days)
    optional: LifecycleArgument = {} if kept is None else {"Lifecycle": kept}
    try:
        return client.start_copy_job(
            RecoveryPointArn=recovery_point_arn,
            SourceBackupVaultName=policy.vault,
            DestinationBackupVaultArn=vault_arn(target, account),
            IamRoleArn=role,
            IdempotencyToken=token,
            **optional,
        )["CopyJobId"]
    except ClientError as error:
        known = copy_error(
            error,
            vault=f"{target.vault} in {target.region}",
            source=f"{recovery_point_arn} in vault {policy.vault} in {policy.region}",
        )
        if known is None:
            raise
        raise known from error


def describe_copy(client: BackupClient, job_id: str) -> JobState:
    """Return the state of a copy job; its recovery point is the copy."""
    job = client.describe_copy_job(CopyJobId=job_id)["CopyJob"]
    return JobState(
        job_id=job_id,
        state=job["State"],
        category=job.get("MessageCategory", ""),
        recovery_point_arn=job.get("DestinationRecoveryPointArn", ""),
        vault=job.get("DestinationBackupVaultArn", "").rpartition(":")[2],
        message=job.get("StatusMessage", ""),
        size_bytes=job.get("BackupSizeInBytes", 0),
        completed_at=job.get("CompletionDate"),
        created_at=job.get("CreationDate"),
    )


def describe_left(client: BackupClient, job: Job) -> JobState:
    """Return the state of a job that a stopped session left; `MISSING` if AWS Backup has no record of it."""
    describe = describe_backup if job.kind == "backup" else describe_copy
    try:
        return describe(client, job.job_id)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
    return JobState(
        job_id=job.job_id,
        state="MISSING",
        category="",
        recovery_point_arn="",
        vault=job.vault,
        message="AWS Backup has no record of the job",
        size_bytes=0,
        completed_at=None,
    )
