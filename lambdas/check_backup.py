"""backup-session: poll the backup job; record the recovery point once it exists."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.events import JobValue, SessionValue, checked_job
from tidemark.aws.backup_jobs import describe_backup
from tidemark.aws.clock import utc_now
from tidemark.aws.expiry import way_out
from tidemark.aws.retention import with_retention_checked
from tidemark.errors import BackupJobFailed
from tidemark.sessions.overlap import add_point
from tidemark.sessions.queries import update_job
from tidemark.sessions.records import read_session


class Event(TypedDict):
    """The session and its job."""

    session: SessionValue
    backup: JobValue


@lambda_handler
def handler(event: Event, deployment: Deployment) -> JobValue:
    """Return the job's current state; raise BackupJobFailed if it ended without a recovery point."""
    session_id = event["session"]["session_id"]
    file_system = deployment.file_system(event["session"]["file_system"])
    account, region = file_system.site
    client = deployment.at(file_system, session_id).clients.of("backup", region)
    job = describe_backup(client, event["backup"]["job_id"])
    if job.is_done:
        session = read_session(deployment.records, session_id)
        point = job.point("backup", account=account, region=region, now=utc_now())
        kept, cold = session.keep_days_of(job.job_id), session.cold_after_days_of(job.job_id)
        own = deployment.sites.clients_of(account, session_id)
        point = with_retention_checked(own, point, kept, cold)
        add_point(deployment.records, session_id, point, deployment.tags.tag_with_index)
    if not job.is_running:  # after recording the point: an ended job is not polled again
        update_job(deployment.records, session_id, job.job_id, state=job.state, message=job.message)
    if not (job.is_running or job.is_done):
        raise BackupJobFailed(
            f"backup job {job.job_id} of {file_system.file_system_id} ended {job.end}; "
            f"{way_out(client, job, file_system)}"
        )
    return checked_job(event["backup"], job.recovery_point_arn, finished=job.is_done)
