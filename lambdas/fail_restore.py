"""restore-session: end with the failure; after a redrive, continue with what is missing."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.restore_events import RestoreValue
from tidemark.errors import RestoreFailed
from tidemark.sessions.restores import reopen_restore


class Event(TypedDict):
    """The session with the reasons of its failure, and the redrive count of the execution."""

    restore: RestoreValue
    attempt: int
    redrive_count: int
    reasons: list[str]


class Result(TypedDict):
    """The attempt that starts now; it determines new idempotency tokens."""

    attempt: int


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Raise RestoreFailed with the reasons; after a redrive, return the next attempt.

    A redrive resumes at the failed state, which is this one, after the session was closed. A drill cannot
    continue, because its file system has been removed.
    """
    restore_id = event["restore"]["restore_id"]
    if event["restore"].get("is_drill"):
        raise RestoreFailed(
            f"drill {restore_id} failed: {'; '.join(event['reasons'])}; start another one with: tidemark "
            f"drill {event['restore']['file_system']}"
        )
    if event["redrive_count"] <= event["attempt"]:
        raise RestoreFailed(f"restore session {restore_id} failed: {'; '.join(event['reasons'])}")
    reopen_restore(deployment.records, restore_id)
    return {"attempt": event["redrive_count"]}
