"""restore-session: remove the temporary file system of a drill."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.restore_events import RemovalValue, RestoreValue
from tidemark.aws.temporary_file_systems import remove_file_system
from tidemark.errors import NotRestorable, RestoreFailed
from tidemark.sessions.restores import hold_turn, record_removed

WAIT_SECONDS = 30
_LONGEST_SECONDS = 3600  # EFS documents no time; mount targets are usually deleted after two minutes


class Event(TypedDict):
    """The session, and what the previous call returned."""

    restore: RestoreValue
    removal: RemovalValue


@lambda_handler
def handler(event: Event, deployment: Deployment) -> RemovalValue:
    """Return whether the file system is removed. Idempotent.

    Raises RestoreFailed if its mount targets still exist after an hour, and NotRestorable for a session that
    is no drill: the file systems of restores are kept.
    """
    restore, waited = event["restore"], event["removal"]["waited_seconds"]
    original = deployment.file_system(restore["file_system"])
    session = hold_turn(deployment.records, original, restore["restore_id"])
    if session.kind != "drill" or not session.is_new:
        raise NotRestorable(
            f"restore session {session.restore_id} is no drill, so its file system is kept; "
            f"no action is needed"
        )
    efs = deployment.clients.of("efs", deployment.settings.region)
    is_removed = all(remove_file_system(efs, one) for one in session.created)
    if is_removed:
        record_removed(deployment.records, session.restore_id)
    elif waited >= _LONGEST_SECONDS:
        raise RestoreFailed(
            f"the mount targets of {' and '.join(session.created)} still exist after {waited // 60} minutes; "
            f"find out what prevents their deletion with: aws efs describe-mount-targets"
        )
    return {
        "is_removed": is_removed,
        "waited_seconds": waited + WAIT_SECONDS,
        "wait_seconds": WAIT_SECONDS,
    }
