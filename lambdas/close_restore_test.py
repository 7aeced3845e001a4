"""restore-test: report the verdict to AWS Backup, record how the test ended, and send the notification."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, count, lambda_handler
from lambdas.events import Failure, words
from lambdas.restore_test_events import TestValue
from tidemark.aws.clock import utc_now
from tidemark.aws.errors import AWS_FAILURES, translate
from tidemark.aws.fargate import deregister_task_definitions
from tidemark.aws.notification import Notification, publish
from tidemark.aws.restore_tests import put_answer
from tidemark.aws.workers import VERIFYING
from tidemark.sessions.metrics import restore_tests_ended
from tidemark.sessions.restore_outcome import RestoreOutcome
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restore_tests import decide_test_outcome, point_of, record_answer, validation_message
from tidemark.sessions.restores import close_restore, read_restore


class Event(TypedDict):
    """The test, with the worker's totals or the failure that stopped it; neither without an index."""

    test: TestValue
    totals: NotRequired[dict[str, int]]
    failure: NotRequired[Failure]


class Result(TypedDict):
    """The final status, as the execution's output."""

    restore_id: str
    status: str
    answer: str  # as AWS Backup has accepted it: SUCCESSFUL, FAILED, or empty
    reasons: list[str]
    totals: dict[str, int]


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Answer, record the final status and return it. Idempotent."""
    records, settings = deployment.records, deployment.settings
    session = read_restore(records, event["test"]["restore_id"])
    ecs = deployment.clients.of("ecs", settings.region)
    deregister_task_definitions(ecs, settings, session.restore_id, VERIFYING)
    totals = event.get("totals") or {}
    failure = words(event["failure"]) if "failure" in event else None
    outcome, answer = decide_test_outcome(session, totals, failure=failure)
    if answer:
        message = validation_message(session, outcome, totals)
        job_id = point_of(session).restore_job_id
        refused = put_answer(deployment.clients.of("backup", settings.region), job_id, answer, message)
        if refused:
            outcome, answer = outcome.with_problem(refused), ""
        else:
            record_answer(records, session, answer)
    try:
        publish(
            deployment.clients.of("sns", settings.region),
            settings.topic,
            _notification(session, outcome, totals),
        )
    except AWS_FAILURES as error:  # the test ends nevertheless
        outcome = outcome.with_problem(f"no notification was sent: {translate(error) or error}")
    close_restore(
        records,
        session.restore_id,
        status=outcome.status,
        reasons=outcome.reasons,
        totals=totals,
        now=utc_now(),
    )
    count(restore_tests_ended(outcome.status), 1)
    return {
        "restore_id": session.restore_id,
        "status": outcome.status.value,
        "answer": answer,
        "reasons": list(outcome.reasons),
        "totals": totals,
    }


def _notification(session: RestoreSession, outcome: RestoreOutcome, totals: dict[str, int]) -> Notification:
    file_system_id = session.file_system.file_system_id
    return Notification(
        status=outcome.status.value,
        subject=f"restore test {file_system_id}",
        lines=(
            f"the restore test of {file_system_id} ended with {outcome.status.value}",
            *(f"  {reason}" for reason in outcome.reasons),
            f"  recovery point {point_of(session).recovery_point_arn}",
            f"  {totals.get('compared', 0):,} entries compared",
            f"  more: tidemark restore-session {session.restore_id}",
        ),
    )
