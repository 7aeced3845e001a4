"""backup-session: ask how the backup job stands; record the recovery point when it is there."""

from __future__ import annotations

from typing import TypedDict

from lambdas._step import Deployment, step
from lambdas.events import JobValue, SessionValue, checked_job
from tidemark.aws.backup_jobs import describe_backup
from tidemark.aws.clock import utc_now
from tidemark.errors import BackupJobFailed
from tidemark.sessions.overlap import add_point
from tidemark.sessions.session import Point


class Event(TypedDict):
    """The session and its job."""

    session: SessionValue
    backup: JobValue


@step
def handler(event: Event, deployment: Deployment) -> JobValue:
    """Return the job as it stands now; raise BackupJobFailed when it ended without a recovery point."""
    policy = deployment.policy(event["session"]["policy"])
    job_id = event["backup"]["job_id"]
    job = describe_backup(deployment.clients.of("backup", policy.region), job_id)
    if job.is_done:
        point = Point(
            recovery_point_arn=job.recovery_point_arn,
            kind="backup",
            account=deployment.settings.account,
            region=policy.region,
            vault=policy.vault,
            job_id=job_id,
            size_bytes=job.size_bytes,
            completed_at=job.completed_at or utc_now(),
        )
        add_point(deployment.records, event["session"]["session_id"], point, deployment.tags.tell_index)
    elif not job.is_running:
        raise BackupJobFailed(
            f"backup job {job_id} of {event['session']['file_system']} ended {job.state}: "
            f"{job.message or 'AWS Backup gave no reason'}; "
            f"mend it and redrive this execution, or start a new one"
        )
    return checked_job(event["backup"], job.recovery_point_arn, finished=job.is_done)
