"""backup-session: poll a copy job; record the copy once it exists."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.events import CopyJobValue, SessionValue, checked_job
from tidemark.aws.backup_jobs import describe_copy
from tidemark.aws.clock import utc_now
from tidemark.aws.retention import with_retention_checked
from tidemark.errors import CopyJobFailed
from tidemark.sessions.overlap import add_point
from tidemark.sessions.queries import update_job
from tidemark.sessions.records import read_session


class Event(TypedDict):
    """The session and one of its copies."""

    session: SessionValue
    copy: CopyJobValue


@lambda_handler
def handler(event: Event, deployment: Deployment) -> CopyJobValue:
    """Return the job's current state; raise CopyJobFailed if it ended without a copy."""
    copy, target = event["copy"], event["copy"]["target"]
    session_id = event["session"]["session_id"]
    file_system = deployment.file_system(event["session"]["file_system"])
    place = deployment.at(file_system, session_id)
    job = describe_copy(place.clients.of("backup", file_system.region), copy["job_id"])
    if job.is_done:
        account = target["account"] or file_system.account
        point = job.point("copy", account=account, region=target["region"], now=utc_now())
        session = read_session(deployment.records, session_id)
        there = deployment.sites.clients_of(account, session_id)
        kept, cold = session.keep_days_of(job.job_id), session.cold_after_days_of(job.job_id)
        point = with_retention_checked(there, point, kept, cold)
        add_point(deployment.records, session_id, point, deployment.tags.tag_with_index)
    if not job.is_running:  # after recording the point: an ended job is not polled again
        update_job(deployment.records, session_id, job.job_id, state=job.state, message=job.message)
    if not (job.is_running or job.is_done):
        raise CopyJobFailed(
            f"copy to {target['vault']} in {target['region']} ended {job.end}; "
            f"fix the cause and run the policy again, or copy the point with: aws backup start-copy-job"
        )
    stands = checked_job(copy, job.recovery_point_arn, finished=job.is_done)
    return {**stands, "target": target}
