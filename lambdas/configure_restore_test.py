"""restore-test: mark the restored file system, give it mount targets, and wait until they are available."""

from __future__ import annotations

from functools import partial
from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.configure_file_system import WAIT_SECONDS
from lambdas.restore_test_events import TestSetupValue, TestValue
from tidemark.aws.network import planned_networks
from tidemark.aws.new_file_systems import (
    NewFileSystemSetup,
    NewFileSystemWish,
    mount_target_part,
    mount_targets_of,
)
from tidemark.errors import RestoreFailed
from tidemark.restore.plan import NewFileSystem, NewMountTarget
from tidemark.sessions.restore_tests import enter_test_phase
from tidemark.sessions.restores import read_restore, record_problem

_LONGEST_SECONDS = 3600  # EFS documents no time; mount targets are usually available after two minutes


class Event(TypedDict):
    """The test, and what the previous call returned."""

    test: TestValue
    setup: TestSetupValue


@lambda_handler
def handler(event: Event, deployment: Deployment) -> TestSetupValue:
    """Return whether a worker can mount the file system. Idempotent.

    Raises RestoreFailed if no mount target can be created, or none is available after an hour; NotRestorable
    if the file system that was backed up has none to copy; NoMountTarget, WorkerNetworkNotFound or
    WorkerCutOff if no worker could mount the restored one.
    """
    test, before = event["test"], event["setup"]
    session = read_restore(deployment.records, test["restore_id"])
    session = enter_test_phase(deployment.records, session, "mounting")
    clients, region, target = deployment.clients, deployment.settings.region, session.target
    efs, wanted = clients.of("efs", region), before["mount_targets"]
    setup = NewFileSystemSetup(
        efs,
        deployment.file_system(target),
        _settings(wanted),
        report=partial(record_problem, deployment.records, session.restore_id),
    )
    is_available = False
    if before["is_marked"]:
        is_available = setup.create_mount_targets()
        problems = read_restore(deployment.records, session.restore_id).problems
        wanted = {
            subnet: groups for subnet, groups in wanted.items() if mount_target_part(subnet) not in problems
        }
    else:
        # Before anything can fail: the removal of mount targets requires the tags, too.
        setup.mark(deployment.settings.deployment, session.restore_id, is_temporary=True)
        targets = mount_targets_of(efs, session.file_system, NewFileSystemWish())
        wanted = {each.subnet: list(each.security_groups) for each in targets}
        worker = deployment.worker_of(test["policy"])
        planned_networks(clients.of("ec2", region), session.file_system, wanted, worker)
    waited = before["waited_seconds"] + WAIT_SECONDS
    if not is_available and waited > _LONGEST_SECONDS:
        raise RestoreFailed(
            f"the mount targets of {target} are not available after {waited // 60} minutes; see them with: "
            f"aws efs describe-mount-targets --file-system-id {target}; then redrive the execution"
        )
    return {
        "is_marked": True,
        "is_available": is_available,
        # Their DNS names have propagated only after another wait.
        "is_ready": is_available and before["is_available"],
        "mount_targets": wanted,
        "waited_seconds": waited,
        "wait_seconds": WAIT_SECONDS,
    }


def _settings(mount_targets: dict[str, list[str]]) -> NewFileSystem:
    """Return settings of which only the mount targets are applied: the file system is deleted soon."""
    return NewFileSystem(
        performance_mode="",
        kms_key="",
        availability_zone="",
        throughput_mode="",
        provisioned_mibps="",
        tags=(),
        lifecycle=(),
        policy="",
        mount_targets=tuple(
            NewMountTarget(subnet=subnet, security_groups=tuple(groups))
            for subnet, groups in mount_targets.items()
        ),
        notes=(),
    )
