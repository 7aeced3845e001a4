"""restore-test: remove the worker and the mount targets.

AWS Backup cannot delete a file system that has mount targets."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.restore_test_events import TestRemovalValue, TestValue
from tidemark.aws.temporary_file_systems import remove_mount_targets
from tidemark.aws.workers import VERIFYING, remove_workers
from tidemark.errors import RestoreFailed
from tidemark.sessions.restore_tests import enter_test_phase
from tidemark.sessions.restores import read_restore

WAIT_SECONDS = 15
_LONGEST_SECONDS = 3600  # EFS documents no time; the removal usually takes a minute


class Event(TypedDict):
    """The test, and what the previous call returned."""

    test: TestValue
    removal: TestRemovalValue


@lambda_handler
def handler(event: Event, deployment: Deployment) -> TestRemovalValue:
    """Return whether no mount target is left. Idempotent.

    Raises RestoreFailed if some are left after an hour.
    """
    settings, clients, before = deployment.settings, deployment.clients, event["removal"]
    session = read_restore(deployment.records, event["test"]["restore_id"])
    session = enter_test_phase(deployment.records, session, "removing")
    remove_workers(clients, settings, session.restore_id, "the restore test has ended", VERIFYING)
    is_removed = remove_mount_targets(clients.of("efs", settings.region), session.target)
    waited = before["waited_seconds"] + WAIT_SECONDS
    if not is_removed and waited > _LONGEST_SECONDS:
        raise RestoreFailed(
            f"the mount targets of {session.target} still exist after {waited // 60} minutes, and AWS Backup "
            f"cannot delete a file system that has some; delete them with: aws efs delete-mount-target; then "
            f"redrive the execution"
        )
    return {"is_removed": is_removed, "waited_seconds": waited, "wait_seconds": WAIT_SECONDS}
