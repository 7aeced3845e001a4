"""restore-session: poll the restore job and record its state."""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.restore_events import RestoreJobValue, RestoreValue
from tidemark.aws.restore_jobs import describe_restore
from tidemark.errors import RestoreFailed
from tidemark.sessions.polling import next_wait
from tidemark.sessions.restores import read_restore, record_restore_job


class Event(TypedDict):
    """The session and its job."""

    restore: RestoreValue
    job: RestoreJobValue


@lambda_handler
def handler(event: Event, deployment: Deployment) -> RestoreJobValue:
    """Return the job after its wait. A failed job is recorded; the session continues without its items."""
    value, restore_id = event["job"], event["restore"]["restore_id"]
    session = read_restore(deployment.records, restore_id)
    recorded = next((job for job in session.jobs if job.job_id == value["job_id"]), None)
    if recorded is None:
        raise RestoreFailed(f"restore session {restore_id} has no record of job {value['job_id']}; rerun it")
    place = deployment.restore_sites.at(*session.file_system.site, restore_id)
    client = place.clients.of("backup", place.region)
    job = describe_restore(client, recorded)
    record_restore_job(deployment.records, restore_id, job)
    waited = timedelta(seconds=value["waited_seconds"] + value["wait_seconds"])
    return {
        "job_id": job.job_id,
        "finished": not job.is_running,
        "restored": value["restored"],
        "waited_seconds": int(waited.total_seconds()),
        "wait_seconds": int(next_wait(waited).total_seconds()),
    }
