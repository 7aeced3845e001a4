"""backup-session: write how the session ended, and tell whoever wants to know."""

from __future__ import annotations

import json
from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, count_session, lambda_handler
from lambdas.events import Failure, words
from tidemark.aws.clock import utc_now
from tidemark.aws.errors import AWS_FAILURES, translate
from tidemark.sessions.outcome import Outcome, decide_outcome, with_problem
from tidemark.sessions.overlap import settle
from tidemark.sessions.queries import close_session
from tidemark.sessions.records import read_index
from tidemark.sessions.session import Session


class BranchResult(TypedDict):
    """How a copy or the index step ended; without a failure it went well."""

    failure: NotRequired[Failure]


class Event(TypedDict):
    """The session, with its branches' results, or with what stopped it."""

    session_id: str
    copies: NotRequired[list[BranchResult]]
    index: NotRequired[BranchResult]
    failure: NotRequired[Failure]


class Result(TypedDict):
    """The session's end, as the execution's output."""

    session_id: str
    status: str
    reasons: list[str]
    recovery_points: list[str]
    index_id: str | None


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Return how the session ended, having recorded it."""
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
        _notify(deployment, closed, outcome)
    except AWS_FAILURES as error:  # the session has ended all the same
        outcome = with_problem(outcome, f"nobody was notified: {translate(error) or error}")
        closed = close_session(deployment.records, session.session_id, outcome, now)
    count_session(closed)
    return {
        "session_id": closed.session_id,
        "status": outcome.status.value,
        "reasons": list(outcome.reasons),
        "recovery_points": [point.recovery_point_arn for point in closed.points],
        "index_id": closed.index_id,
    }


def _notify(deployment: Deployment, session: Session, outcome: Outcome) -> None:
    lines = [
        f"{session.policy}: {session.file_system.file_system_id} ended with {outcome.status.value}",
        *(f"  {reason}" for reason in outcome.reasons),
        f"  {len(session.points)} recovery points; index {session.index_id or 'none'}",
        f"  more: tidemark session {session.session_id}",
    ]
    deployment.clients.of("sns", deployment.settings.region).publish(
        TopicArn=deployment.settings.topic,
        Subject=f"Tidemark {outcome.status.value}: {session.policy} {session.file_system.file_system_id}"[
            :100
        ],
        Message=json.dumps({"default": "\n".join(lines)}),
        MessageStructure="json",
        MessageAttributes={"status": {"DataType": "String", "StringValue": outcome.status.value}},
    )
