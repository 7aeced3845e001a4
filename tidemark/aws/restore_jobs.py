"""Restore jobs of AWS Backup for EFS: idempotent starts, batches of items, and job states."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.errors import NotRestorable
from tidemark.restore.items import Limits, batches, items_to_restore
from tidemark.restore.plan import NewFileSystem, Plan, PointPlan
from tidemark.sessions.restore_session import Batch, RestoreJob

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient

# States of recovery points that can be restored. Source: the model of AWS Backup, RecoveryPointStatus.
RESTORABLE = frozenset({"COMPLETED", "AVAILABLE", "PARTIAL"})
# The documents disagree on the number of items: no limit but the size for the API, 10 for the console, 5 in
# the API Reference. A session begins with its plan's number and takes the next lower one after a refusal.
ITEM_LIMITS = (10, 5, 1)
# Jobs run one after another and take minutes each. With more, a plan that requests directories is faster.
MOST_JOBS = 100


def next_limit(items: int) -> int | None:
    """Return the next lower number of items per job after AWS Backup refused `items`; None if it is one."""
    return next((limit for limit in ITEM_LIMITS if limit < items), None)


def jobs_for(plan: Plan, items: int) -> int:
    """Return the number of jobs of a plan, with this number of items per job."""
    return sum(max(1, -(-len(point.requests) // items)) for point in plan.points)


def cut(batch: Batch, requests: Sequence[str], most_items: int) -> Batch:
    """Return the longest start of a batch that one job may restore. `requests` are those of the point."""
    first, *_ = batches(requests[batch.first : batch.end], Limits(most_items=most_items))
    return dataclasses.replace(batch, end=batch.first + len(first))


def start_restore(
    client: BackupClient,
    point: PointPlan,
    paths: Sequence[str],
    *,
    target: str | NewFileSystem,
    original: str,
    role: str,
    token: str,
) -> str:
    """Start a restore job, or find the one with this token; return its id.

    `target` is the id of an existing file system, or the one to create; `original` is the id of the file
    system that was backed up. `paths` are requests of the plan; none restores the whole point. Raises
    ItemsRefused if AWS Backup refuses several items, and NotRestorable if the recovery point does not exist.
    Source: StartRestoreJob, Metadata.
    """
    metadata = {
        "file-system-id": target if isinstance(target, str) else original,
        "newFileSystem": "false" if isinstance(target, str) else "true",
        # Required also for an existing file system, which keeps its own.
        "Encrypted": "true",
        "PerformanceMode": "generalPurpose",
        "CreationToken": token,
    }
    if not isinstance(target, str):
        metadata["PerformanceMode"] = target.performance_mode
        if target.kms_key:
            metadata["KmsKeyId"] = target.kms_key
        if target.availability_zone:
            metadata |= {"singleAzFilesystem": "true", "availabilityZoneName": target.availability_zone}
    if paths:
        metadata["ItemsToRestore"] = items_to_restore(paths)
    try:
        answer = client.start_restore_job(
            RecoveryPointArn=point.recovery_point_arn,
            Metadata=metadata,
            IamRoleArn=role,
            IdempotencyToken=token,
            ResourceType="EFS",
        )
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            raise NotRestorable(
                f"the recovery point {point.recovery_point_arn} does not exist any more; plan the restore "
                f"again with: tidemark restore"
            ) from error
        if code_of(error) == "InvalidParameterValueException" and len(paths) > 1:
            raise ItemsRefused from error
        raise
    return answer["RestoreJobId"]


class ItemsRefused(Exception):
    """AWS Backup refused a job with several items, possibly because they are too many."""


def restore_token(restore_id: str, attempt: int, batch: Batch) -> str:
    """Return the idempotency token of a batch's job, which is the same for a repeated call."""
    text = f"{restore_id}\n{attempt}\n{batch.point}\n{batch.first}\n{batch.end}"
    return hashlib.sha256(text.encode()).hexdigest()


def describe_restore(client: BackupClient, job: RestoreJob) -> RestoreJob:
    """Return the job with AWS Backup's current state; `MISSING` if AWS Backup has no record of it."""
    try:
        found = client.describe_restore_job(RestoreJobId=job.job_id)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return dataclasses.replace(job, state="MISSING", message="AWS Backup has no record of the job")
    began_at: datetime | None = found.get("CreationDate")
    return dataclasses.replace(
        job,
        state=found["Status"],
        message=found.get("StatusMessage", ""),
        percent=found.get("PercentDone", ""),
        began_at=began_at,
        completed_at=found.get("CompletionDate"),
        created=found.get("CreatedResourceArn", "").rpartition("/")[2],
    )
