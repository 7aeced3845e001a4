"""restore-session: start the next restore job, or report that none is left."""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler, logger
from lambdas.restore_events import RestoreJobValue, RestoreValue
from tidemark.aws.clock import utc_now
from tidemark.aws.restore_jobs import (
    MOST_JOBS,
    ItemsRefused,
    cut,
    jobs_for,
    next_limit,
    restore_token,
    start_restore,
)
from tidemark.aws.restore_plans import read_plan
from tidemark.errors import NotRestorable
from tidemark.sessions.polling import next_wait
from tidemark.sessions.restore_session import RestoreJob
from tidemark.sessions.restores import hold_turn, record_most_items, record_restore_job


class Event(TypedDict):
    """The session and its redrive count."""

    restore: RestoreValue
    attempt: int


@lambda_handler
def handler(event: Event, deployment: Deployment) -> RestoreJobValue:
    """Return the started job; without an id if every item has had its job.

    Idempotent: a job that is recorded as running is returned instead of another one, and before it is
    recorded, a repeated call starts the same job, whose idempotency token is derived from its items. If AWS
    Backup refuses the number of items, the session continues with fewer items per job.
    """
    settings, restore = deployment.settings, event["restore"]
    file_system = deployment.file_system(restore["file_system"])
    s3 = deployment.clients.of("s3", settings.region)
    plan = read_plan(s3, settings.repository, file_system, restore["plan"], restore["sha256"])
    while True:
        session = hold_turn(deployment.records, file_system, restore["restore_id"])
        restored = sum(job.is_done for job in session.jobs)
        running = next((job for job in session.jobs if job.is_running), None)
        if running is not None:
            return _value(running.job_id, restored)
        batch = session.next_batch([max(1, len(point.requests)) for point in plan.points], event["attempt"])
        if batch is None:
            return _value("", restored)
        point = plan.points[batch.point]
        batch = (
            cut(batch, point.requests, session.most_items or plan.items_per_job) if point.requests else batch
        )
        paths = point.requests[batch.first : batch.end]
        # The first job that completes has created the new file system; the next ones restore into it.
        target = session.target or plan.new_file_system
        if target is None:
            raise NotRestorable(
                f"the plan {plan.plan_id} has no settings of a new file system; plan the restore again with: "
                f"tidemark restore --new-file-system"
            )
        try:
            place = deployment.restore_sites.at(*file_system.site, session.restore_id)
            job_id = start_restore(
                place.clients.of("backup", place.region),
                point,
                paths,
                target=target,
                original=file_system.file_system_id,
                role=place.settings.restore_role,
                token=restore_token(session.restore_id, event["attempt"], batch),
            )
        except ItemsRefused as refused:
            fewer = next_limit(len(paths))
            if fewer is None or jobs_for(plan, fewer) > MOST_JOBS:
                raise NotRestorable(
                    f"AWS Backup refuses to restore {len(paths):,} items with one job ({refused.__cause__}); "
                    f"plan again with fewer: tidemark {session.kind} --items-per-job {fewer or 1}"
                ) from refused
            logger.warning("AWS Backup refused %d items: %s", len(paths), refused.__cause__)
            record_most_items(deployment.records, session.restore_id, fewer)
            continue
        job = RestoreJob(
            job_id=job_id,
            point=batch.point,
            first=batch.first,
            end=batch.end,
            attempt=event["attempt"],
            started_at=utc_now(),
        )
        record_restore_job(deployment.records, session.restore_id, job)
        return _value(job_id, restored)


def _value(job_id: str, restored: int) -> RestoreJobValue:
    return {
        "job_id": job_id,
        "finished": False,
        "restored": restored,
        "waited_seconds": 0,
        "wait_seconds": int(next_wait(timedelta()).total_seconds()),
    }
