"""restore-session: remove the worker, record how the session ended, and send the notification."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, count_restore, lambda_handler
from lambdas.events import Failure, words
from lambdas.restore_events import RestoreValue
from tidemark.aws.clock import utc_now
from tidemark.aws.errors import AWS_FAILURES, translate
from tidemark.aws.fargate import deregister_task_definitions
from tidemark.aws.notification import Notification, publish
from tidemark.aws.workers import PLACING, remove_workers
from tidemark.sessions.restore_outcome import RestoreOutcome, decide_restore_outcome
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restores import close_restore, read_restore


class Event(TypedDict):
    """The session, with the worker's totals or the failure that stopped it."""

    restore: RestoreValue
    totals: NotRequired[dict[str, int]]
    failure: NotRequired[Failure]


class Result(TypedDict):
    """The session's final status, as the execution's output."""

    restore_id: str
    status: str
    reasons: list[str]
    totals: dict[str, int]


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Record the session's final status and return it. Idempotent."""
    restore_id = event["restore"]["restore_id"]
    session = read_restore(deployment.records, restore_id)
    _remove_worker(deployment, session)
    totals = event.get("totals") or {}
    failure = words(event["failure"]) if "failure" in event else None
    outcome = decide_restore_outcome(session, totals, failure=failure)
    try:
        publish(
            deployment.clients.of("sns", deployment.settings.region),
            deployment.settings.topic,
            _notification(session, outcome, totals),
        )
    except AWS_FAILURES as error:  # the session ends nevertheless
        outcome = outcome.with_problem(f"no notification was sent: {translate(error) or error}")
    closed = close_restore(
        deployment.records,
        restore_id,
        status=outcome.status,
        reasons=outcome.reasons,
        totals=totals,
        now=utc_now(),
    )
    count_restore(closed)
    return {
        "restore_id": restore_id,
        "status": outcome.status.value,
        "reasons": list(outcome.reasons),
        "totals": totals,
    }


def _remove_worker(deployment: Deployment, session: RestoreSession) -> None:
    restore_id = session.restore_id
    place = deployment.restore_sites.at(*session.file_system.site, restore_id)
    remove_workers(place.clients, place.settings, restore_id, "the restore session has ended", PLACING)
    ecs = place.clients.of("ecs", place.region)
    deregister_task_definitions(ecs, place.settings, restore_id, PLACING)


def _notification(session: RestoreSession, outcome: RestoreOutcome, totals: dict[str, int]) -> Notification:
    file_system_id = session.file_system.file_system_id
    if session.is_new and session.kind != "drill":
        file_system_id = f"{session.target or 'a new file system'}, of {file_system_id}"
    what = "drill of" if session.kind == "drill" else "restore to"
    return Notification(
        status=outcome.status.value,
        subject=f"{session.kind} {session.file_system.file_system_id}",
        lines=(
            f"the {what} {file_system_id} ended with {outcome.status.value}",
            *(f"  {reason}" for reason in outcome.reasons),
            f"  {totals.get('placed', 0):,} placed",
            f"  more: tidemark restore-session {session.restore_id}",
        ),
    )
