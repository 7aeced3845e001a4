"""The cause of an expired backup job, and the fix.

AWS Backup runs one backup or copy job of a resource at a time; a backup job that has waited for its whole
start window ends EXPIRED. Sources: AWS Backup Developer Guide, "Quotas", and "Monitoring AWS Backup events
using EventBridge" for the message of such a job.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tidemark.aws.backup_jobs import JobState
from tidemark.aws.errors import AWS_FAILURES
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient

_MOST_NAMED = 3
# States of jobs that run or have run. Source: the model of AWS Backup, BackupJobState and CopyJobState.
_HAVE_RUN = {"RUNNING", "ABORTING", "ABORTED", "COMPLETED", "PARTIAL", "FAILED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Other:
    """Another job of the same file system, and the time in which it may have run."""

    name: str
    began_at: datetime
    ended_at: datetime | None


def way_out(client: BackupClient, job: JobState, file_system: FileSystem) -> str:
    """Return the fix for a backup job that ended without a recovery point.

    If another job of the file system prevented it from starting, names that job if it can be found. `client`
    must be for the Region of both jobs.
    """
    if job.state != "EXPIRED" or "before completion" in job.message:
        return "fix the cause and redrive this execution, or start a new one"
    others = _named(client, job, file_system)
    if others:
        cause = f"{others} ran at that time"
    elif "running job" in job.message:
        cause = (
            "another backup or copy job of the same file system ran for the whole start window of this one"
        )
    else:
        cause = "this one did not start within its start window"
    return (
        f"AWS Backup runs one backup or copy job of a file system at a time, and {cause}; redrive this "
        f"execution when no job of {file_system.file_system_id} runs; if it happens again, run the policy "
        f"less often, or look for other backup plans with: aws backup list-backup-jobs "
        f"--region {file_system.region} --by-resource-arn {file_system.arn}"
    )


def _named(client: BackupClient, job: JobState, file_system: FileSystem) -> str:
    """Return the names of the jobs that ran while this one waited; empty if none can be found."""
    try:
        others = [*_backups(client, job, file_system), *_copies(client, file_system)]
    except AWS_FAILURES:
        return ""
    names = [other.name for other in others if _overlaps(other, job)]
    return " and ".join(names[:_MOST_NAMED])


def _overlaps(other: _Other, job: JobState) -> bool:
    waited_from, waited_until = job.created_at, job.completed_at
    if waited_from is None or waited_until is None:
        return False
    return other.began_at < waited_until and (other.ended_at is None or other.ended_at > waited_from)


def _backups(client: BackupClient, job: JobState, file_system: FileSystem) -> Iterator[_Other]:
    for page in client.get_paginator("list_backup_jobs").paginate(ByResourceArn=file_system.arn):
        for found in page["BackupJobs"]:
            if found["BackupJobId"] != job.job_id and found["State"] in _HAVE_RUN:
                yield _Other(
                    name=f"backup job {found['BackupJobId']} to {found['BackupVaultName']}",
                    began_at=found.get("InitiationDate", found["CreationDate"]),
                    ended_at=found.get("CompletionDate"),
                )


def _copies(client: BackupClient, file_system: FileSystem) -> Iterator[_Other]:
    for page in client.get_paginator("list_copy_jobs").paginate(ByResourceArn=file_system.arn):
        for found in page["CopyJobs"]:
            if found["State"] in _HAVE_RUN:
                region, _, vault = (
                    found["DestinationBackupVaultArn"].split(":", 3)[3].partition(":backup-vault:")
                )
                yield _Other(
                    name=f"copy job {found['CopyJobId']} to {vault} in {region.partition(':')[0]}",
                    began_at=found["CreationDate"],
                    ended_at=found.get("CompletionDate"),
                )
