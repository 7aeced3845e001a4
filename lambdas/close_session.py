"""backup-session: record the session's final status and send the notification."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, count_session, lambda_handler
from lambdas.events import Failure, words
from tidemark.aws import executions
from tidemark.aws.clock import utc_now
from tidemark.aws.errors import AWS_FAILURES, translate
from tidemark.aws.notices import is_notified, session_lines
from tidemark.aws.notification import Notification, publish
from tidemark.sessions.outcome import decide_outcome, with_problem
from tidemark.sessions.overlap import settle
from tidemark.sessions.queries import close_session
from tidemark.sessions.records import read_index
from tidemark.sessions.session import Session


class BranchResult(TypedDict):
    """The result of a copy or of the index step; successful if it has no failure."""

    failure: NotRequired[Failure]


class Event(TypedDict):
    """The session, with its branches' results or the failure that stopped it."""

    session_id: str
    copies: NotRequired[list[BranchResult]]
    index: NotRequired[BranchResult]
    failure: NotRequired[Failure]
    retries_left: NotRequired[int]  # of the run that started the session


class Result(TypedDict):
    """The session's final status, as the execution's output."""

    session_id: str
    status: str
    reasons: list[str]
    recovery_points: list[str]
    index_id: str | None


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Record the session's final status and return it."""
    session = settle(deployment.records, event["session_id"], deployment.tags.tag_with_index)
    index = (
        None
        if session.index_id is None
        else read_index(deployment.records, session.file_system, session.index_id)
    )
    branches = [*event.get("copies", []), *([event["index"]] if "index" in event else [])]
    outcome = decide_outcome(
        session,
        index,
        failure=words(event["failure"]) if "failure" in event else None,
        problems=[words(branch["failure"]) for branch in branches if "failure" in branch],
    )
    now = utc_now()
    closed = close_session(deployment.records, session.session_id, outcome, now)
    try:
        _notify(deployment, closed, event.get("retries_left", 0))
    except AWS_FAILURES as error:  # the session ends nevertheless
        outcome = with_problem(outcome, f"no notification was sent: {translate(error) or error}")
        closed = close_session(deployment.records, session.session_id, outcome, now)
    count_session(closed, index)
    return {
        "session_id": closed.session_id,
        "status": outcome.status.value,
        "reasons": list(outcome.reasons),
        "recovery_points": [point.recovery_point_arn for point in closed.points],
        "index_id": closed.index_id,
    }


def _notify(deployment: Deployment, session: Session, retries_left: int) -> None:
    settings = deployment.notify_settings(session.policy)
    redriven = session.redriven_at is not None
    if not is_notified(settings, session.status, retries_left=retries_left, redriven=redriven):
        return
    sns = deployment.clients.of("sns", deployment.settings.region)
    link = executions.console_url(sns, session.execution_arn)
    name = deployment.name_of(session.file_system)
    notification = Notification(
        status=session.status.value,
        subject=f"{session.policy} {name}",
        lines=session_lines(session, name, link),
        policy=session.policy,
    )
    publish(sns, deployment.settings.topic, notification)
