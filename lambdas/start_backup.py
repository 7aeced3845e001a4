"""backup-session: start the backup job, with the session's metadata in its tags."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.events import JobValue, SessionValue, started_job
from tidemark.aws.backup_jobs import idempotency_token, start_backup
from tidemark.aws.clock import utc_now
from tidemark.sessions.queries import has_started_jobs, record_job
from tidemark.sessions.records import read_session
from tidemark.sessions.session import Job


class Event(TypedDict):
    """The session and its redrive count."""

    session: SessionValue
    attempt: int


@lambda_handler
def handler(event: Event, deployment: Deployment) -> JobValue:
    """Return the job; raise VaultNotFound. Idempotent: returns the same job when called again."""
    records = deployment.records
    session = read_session(records, event["session"]["session_id"])
    file_system = session.file_system
    place = deployment.at(file_system, session.session_id)
    policy = deployment.policy(event["session"]["policy"]).for_run(session.flags).at(*file_system.site)
    job_id, recovery_point_arn = start_backup(
        place.clients.of("backup", policy.region),
        policy,
        file_system,
        role=place.settings.backup_role,
        token=idempotency_token(session.session_id, event["attempt"], policy.vault),
        tags=deployment.tags.for_new_point(
            session,
            retention_days=policy.keep_days,
            has_history=lambda: has_started_jobs(records, utc_now(), but=session.session_id),
        ),
    )
    job = Job(
        job_id=job_id,
        kind="backup",
        account=file_system.account,
        region=policy.region,
        vault=policy.vault,
        started_at=utc_now(),
        keep_days=policy.keep_days,
        cold_after_days=policy.cold_after_days,
    )
    record_job(records, session.session_id, job)
    return started_job(job_id, recovery_point_arn)
