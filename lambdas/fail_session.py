"""backup-session: end with the failure; after a redrive, begin the backup again."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.events import Failure, words
from tidemark.aws.clock import utc_now
from tidemark.errors import SessionFailed
from tidemark.sessions.overlap import reopen_session


class Event(TypedDict):
    """The failure, and how often the execution has been redriven."""

    session_id: str
    attempt: int
    redrive_count: int
    failure: Failure


class Result(TypedDict):
    """The attempt that begins now; it makes a new idempotency token."""

    attempt: int


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Raise SessionFailed with the reason; return the next attempt when this is a redrive.

    A redrive begins at the state that failed, which is this one: the session is closed by then.
    """
    if event["redrive_count"] <= event["attempt"]:
        raise SessionFailed(f"session {event['session_id']} failed: {words(event['failure'])}")
    reopen_session(deployment.records, event["session_id"], utc_now())
    return {"attempt": event["redrive_count"]}
