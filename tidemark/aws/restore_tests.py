"""Restore testing of AWS Backup: what a test has restored, and the answer to it.

Source: AWS Backup Developer Guide, "Restore testing validation"; PutRestoreValidationResult.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of, message_of
from tidemark.errors import NotRestorable
from tidemark.policy.restore_testing import policy_of_plan
from tidemark.sessions.restore_test import Answer
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_backup.type_defs import DescribeRestoreJobOutputTypeDef

# Assumed: AWS Backup documents no length.
_LONGEST_MESSAGE = 1_000


# Source: the model of AWS Backup, RestoreJobStatus.
_FINAL = {"COMPLETED", "FAILED", "ABORTED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedPoint:
    """A recovery point that a restore test has restored to a new file system, or has failed to restore."""

    restore_job_id: str
    state: str  # AWS Backup's, of the ended job
    message: str
    policy: str  # whose restore testing plan started the job
    file_system: FileSystem  # which was backed up
    restored_file_system_id: str  # empty if the job has failed
    recovery_point_arn: str
    began_at: datetime  # the restore job, by AWS Backup
    completed_at: datetime
    backup_started_at: datetime
    backup_ended_at: datetime


def tested_point(client: BackupClient, deployment: str, restore_job_id: str) -> TestedPoint:
    """Return what a job of the deployment's restore testing has restored.

    Raises NotRestorable for any other job, and for a job that still runs or whose file system is deleted.
    """
    try:
        job = client.describe_restore_job(RestoreJobId=restore_job_id)
    except ClientError as error:
        if code_of(error) not in ("ResourceNotFoundException", "InvalidParameterValueException"):
            raise
        raise NotRestorable(
            f"AWS Backup has no restore job {restore_job_id}; list them with: aws backup list-restore-jobs"
        ) from error
    policy = policy_of_plan(deployment, job.get("CreatedBy", {}).get("RestoreTestingPlanArn", ""))
    if policy is None:
        raise NotRestorable(
            f"restore job {restore_job_id} was not started by a restore testing plan of the deployment "
            f"{deployment}; AWS Backup accepts verdicts for these jobs only"
        )
    if job["Status"] not in _FINAL:
        raise NotRestorable(
            f"restore job {restore_job_id} is {job['Status']}; only a completed job can be verified"
        )
    if str(job.get("DeletionStatus", "")):
        raise NotRestorable(
            f"AWS Backup has deleted the file system of restore job {restore_job_id}, or is deleting it; set "
            f"a longer validation_hours in tidemark.yaml"
        )
    started, ended = _times_of(client, job)
    _, _, _, region, account, resource = job["SourceResourceArn"].split(":", 5)
    return TestedPoint(
        restore_job_id=restore_job_id,
        state=job["Status"],
        message=job.get("StatusMessage", ""),
        policy=policy,
        file_system=FileSystem(account, region, resource.rpartition("/")[2]),
        restored_file_system_id=job.get("CreatedResourceArn", "").rpartition("/")[2],
        recovery_point_arn=job["RecoveryPointArn"],
        began_at=job["CreationDate"],
        completed_at=job.get("CompletionDate", job["CreationDate"]),
        backup_started_at=started,
        backup_ended_at=ended,
    )


def _times_of(client: BackupClient, job: DescribeRestoreJobOutputTypeDef) -> tuple[datetime, datetime]:
    """Return when the backup of the job's recovery point started and ended."""
    point = client.describe_recovery_point(
        BackupVaultName=job["BackupVaultArn"].rpartition(":")[2], RecoveryPointArn=job["RecoveryPointArn"]
    )
    return point["CreationDate"], point["CompletionDate"]


def put_answer(client: BackupClient, restore_job_id: str, answer: Answer, message: str) -> str:
    """Report the verdict on a restore test; return why AWS Backup has not accepted it, or an empty text.

    Idempotent: the same verdict may have been reported before.
    """
    assert answer  # noqa: S101 - there is nothing to report otherwise
    try:
        client.put_restore_validation_result(
            RestoreJobId=restore_job_id,
            ValidationStatus=answer,
            ValidationStatusMessage=message[:_LONGEST_MESSAGE],
        )
    except ClientError as error:
        if code_of(error) not in ("InvalidRequestException", "ResourceNotFoundException"):
            raise
        job = client.describe_restore_job(RestoreJobId=restore_job_id)
        found = str(job.get("ValidationStatus", ""))
        if found == answer:
            return ""
        return (
            f"AWS Backup did not accept the result {answer} (it has {found or 'none'}): {message_of(error)}"
        )
    return ""
