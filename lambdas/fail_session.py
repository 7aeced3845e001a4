"""backup-session: end with the failure; after a redrive, start the backup again."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.events import Failure, words
from tidemark.aws.clock import utc_now
from tidemark.errors import SessionFailed
from tidemark.sessions.overlap import reopen_session


class Event(TypedDict):
    """The failure, and the redrive count of the execution."""

    session_id: str
    attempt: int
    redrive_count: int
    failure: Failure


class Result(TypedDict):
    """The attempt that starts now; it determines a new idempotency token."""

    attempt: int


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Raise SessionFailed with the reason; after a redrive, return the next attempt.

    A redrive resumes at the failed state, which is this one, after the session was closed.
    """
    if event["redrive_count"] <= event["attempt"]:
        raise SessionFailed(f"session {event['session_id']} failed: {words(event['failure'])}")
    reopen_session(deployment.records, event["session_id"], utc_now())
    return {"attempt": event["redrive_count"]}
