"""restore-session: wait until no other restore session of the file system runs."""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler, logger
from lambdas.restore_events import RestoreValue, TurnValue
from tidemark.sessions.polling import next_wait
from tidemark.sessions.restores import take_turn


class Event(TypedDict):
    """The session, and the time that it has waited."""

    restore: RestoreValue
    waited_seconds: int


@lambda_handler
def handler(event: Event, deployment: Deployment) -> TurnValue:
    """Return whether it is the session's turn. Idempotent."""
    restore = event["restore"]
    file_system = deployment.file_system(restore["file_system"])
    holder = take_turn(deployment.records, file_system, restore["restore_id"])
    if holder is not None:
        logger.info("waiting for restore session %s", holder)
    wait = int(next_wait(timedelta(seconds=event["waited_seconds"])).total_seconds())
    return {
        "is_mine": holder is None,
        "waited_seconds": event["waited_seconds"] + wait,
        "wait_seconds": wait,
    }
