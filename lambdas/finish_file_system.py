"""restore-session: give the new file system the original's policy, after the worker has ended.

Before, the policy could refuse the worker's mount.
"""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.configure_file_system import setup_of
from lambdas.restore_events import RestoreValue


class Event(TypedDict):
    """The session."""

    restore: RestoreValue


@lambda_handler
def handler(event: Event, deployment: Deployment) -> None:
    """Put the policy; a refusal is recorded as a problem of the session. Idempotent."""
    restore = event["restore"]
    _, setup = setup_of(restore, deployment)
    setup.put_policy(restore["file_system"])
