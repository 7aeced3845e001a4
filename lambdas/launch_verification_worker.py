"""restore-test: launch the worker that verifies the restored file system, with the task token."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler, logger
from lambdas.restore_test_events import TestSetupValue, TestValue
from tidemark.aws.fargate import register_task_definition
from tidemark.aws.network import planned_networks
from tidemark.aws.worker_launcher import launch, request_for
from tidemark.aws.workers import VERIFYING, remove_workers
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restore_tests import enter_test_phase, point_of
from tidemark.sessions.restores import read_restore, record_restore_worker
from tidemark.settings import VerificationWorkerSettings


class Event(TypedDict):
    """The test, and the worker's task token."""

    task_token: str
    test: TestValue
    setup: TestSetupValue


@lambda_handler
def handler(event: Event, deployment: Deployment) -> None:
    """Return nothing: the worker sends the result. Raise NoMountTarget, WorkerNotLaunched."""
    settings, clients, test = deployment.settings, deployment.clients, event["test"]
    restore_id, token = test["restore_id"], event["task_token"]
    worker = deployment.worker_of(test["policy"])
    # The worker of an earlier attempt may still run.
    for worker_id in remove_workers(clients, settings, restore_id, "replaced by another worker", VERIFYING):
        logger.warning("removed a worker of an earlier attempt: %s", worker_id)
    session = read_restore(deployment.records, restore_id)
    session = enter_test_phase(deployment.records, session, "verifying")
    target = deployment.file_system(session.target)
    targets, ec2 = event["setup"]["mount_targets"], clients.of("ec2", settings.region)
    networks = planned_networks(ec2, target, targets, worker)
    task_definition = register_task_definition(
        clients.of("ecs", settings.region), settings, session.target, restore_id, worker, VERIFYING
    )
    # Instances have the role of one existing file system.
    request = request_for(worker, networks, kind="fargate", task_definition=task_definition)
    # For worker_stopped, which finds the token by the machine.
    record_restore_worker(deployment.records, restore_id, worker_id="", task_token=token)
    environment = _environment(deployment, session, token)
    worker_id = launch(clients, settings, request, environment, VERIFYING)
    record_restore_worker(deployment.records, restore_id, worker_id=worker_id, task_token=token)
    logger.info("launched worker %s", worker_id)


def _environment(deployment: Deployment, session: RestoreSession, token: str) -> VerificationWorkerSettings:
    point, (job, *_) = point_of(session), session.jobs
    began_at = job.began_at or job.started_at
    return VerificationWorkerSettings(
        task_token=token,
        restore_id=session.restore_id,
        account=deployment.settings.account,
        region=deployment.settings.region,
        file_system_id=session.file_system.file_system_id,
        repository=deployment.settings.repository,
        recovery_point_arn=point.recovery_point_arn,
        index_id=point.index_id,
        exact_index_id=point.exact_index_id,
        backup_started_at=point.backup_started_at.isoformat(),
        backup_ended_at=point.backup_ended_at.isoformat(),
        restore_job_id=point.restore_job_id,
        restored_file_system_id=session.target,
        restore_began_at=began_at.isoformat(),
        restore_completed_at=(job.completed_at or began_at).isoformat(),
    )
