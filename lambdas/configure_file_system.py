"""restore-session: apply the original's settings to the new file system, and wait for its mount targets."""

from __future__ import annotations

from functools import partial
from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.restore_events import RestoreValue, SetupValue
from tidemark.aws.new_file_systems import NewFileSystemSetup, mount_target_part
from tidemark.aws.restore_plans import read_plan
from tidemark.errors import NotRestorable, RestoreFailed
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restores import hold_turn, record_problem

# After this time, the DNS names of a new mount target have propagated.
# Source: EFS user guide, "Managing mount targets".
WAIT_SECONDS = 90
_LONGEST_SECONDS = 3600  # EFS documents no time; mount targets are usually available after two minutes


class Event(TypedDict):
    """The session, and what the previous call returned."""

    restore: RestoreValue
    setup: SetupValue


@lambda_handler
def handler(event: Event, deployment: Deployment) -> SetupValue:
    """Return whether a worker can mount the file system. Idempotent.

    Raises RestoreFailed if no mount target can be created, or none is available after an hour. Other settings
    that EFS refuses are recorded as problems of the session.
    """
    restore, before = event["restore"], event["setup"]
    session, setup = setup_of(restore, deployment)
    is_available = False
    if before["is_marked"]:
        is_available = setup.apply()
    else:
        is_drill = session.kind == "drill"
        setup.mark(deployment.settings.deployment, session.restore_id, is_temporary=is_drill)
    waited = before["waited_seconds"] + WAIT_SECONDS
    if not is_available and waited > _LONGEST_SECONDS:
        raise RestoreFailed(
            f"the mount targets of {session.target} are not available after {waited // 60} minutes; see "
            f"them with: aws efs describe-mount-targets --file-system-id {session.target}; then redrive "
            f"the session"
        )
    return {
        "is_marked": True,
        "is_available": is_available,
        "is_ready": is_available and before["is_available"],
        "mount_targets": {
            target.subnet: list(target.security_groups)
            for target in setup.settings.mount_targets
            if mount_target_part(target.subnet) not in session.problems
        },
        "waited_seconds": waited,
        "wait_seconds": WAIT_SECONDS,
    }


def setup_of(restore: RestoreValue, deployment: Deployment) -> tuple[RestoreSession, NewFileSystemSetup]:
    """Return the session and the setup of its new file system."""
    settings, clients = deployment.settings, deployment.clients
    original = deployment.file_system(restore["file_system"])
    session = hold_turn(deployment.records, original, restore["restore_id"])
    s3 = clients.of("s3", settings.region)
    plan = read_plan(s3, settings.repository, original, restore["plan"], restore["sha256"])
    if plan.new_file_system is None or not session.target:
        raise NotRestorable(
            f"restore session {session.restore_id} has no new file system; restore again with: "
            f"tidemark restore"
        )
    return session, NewFileSystemSetup(
        clients.of("efs", settings.region),
        deployment.file_system(session.target),
        plan.new_file_system,
        report=partial(record_problem, deployment.records, session.restore_id),
    )
