"""restore-session: launch the worker that places the restored files, with the task token."""

from __future__ import annotations

from dataclasses import asdict
from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, lambda_handler, logger
from lambdas.restore_events import RestoreValue, SetupValue
from tidemark.aws.fargate import register_task_definition
from tidemark.aws.network import choose_networks, planned_networks
from tidemark.aws.restore_plans import write_jobs
from tidemark.aws.worker_launcher import launch, request_for
from tidemark.aws.workers import PLACING, PLACING_NEW, remove_workers
from tidemark.sessions.restores import enter_phase, hold_turn, record_restore_worker
from tidemark.settings import RestoreWorkerSettings


class Event(TypedDict):
    """The session, and the worker's task token."""

    task_token: str
    restore: RestoreValue
    setup: NotRequired[SetupValue]  # missing in executions started by an older version


@lambda_handler
def handler(event: Event, deployment: Deployment) -> None:
    """Return nothing: the worker sends the result. Raise NoMountTarget, WorkerNotLaunched."""
    restore = event["restore"]
    file_system, restore_id = deployment.file_system(restore["file_system"]), restore["restore_id"]
    place = deployment.restore_sites.at(*file_system.site, restore_id)
    settings, clients = place.settings, place.clients
    worker = deployment.worker_of(restore["policy"])
    # The worker of an earlier attempt may still run: two workers must not place the same files.
    for worker_id in remove_workers(clients, settings, restore_id, "replaced by another worker", PLACING):
        logger.warning("removed a worker of an earlier attempt: %s", worker_id)
    session = hold_turn(deployment.records, file_system, restore_id)
    enter_phase(deployment.records, restore_id, "placing")
    done = [job for job in session.jobs if job.is_done]
    s3 = deployment.clients.of("s3", deployment.settings.region)
    write_jobs(s3, settings.repository, file_system, restore_id, done)
    ec2, target = clients.of("ec2", settings.region), place.file_system(session.target)
    if session.is_new:
        # Not read from EFS: the role of this function may only describe the file systems of policies.
        networks = planned_networks(ec2, target, event["setup"]["mount_targets"], worker)
    else:
        efs = clients.of("efs", settings.region)
        networks = choose_networks(efs, ec2, target, worker, place.callback)
    purpose = PLACING_NEW if session.is_new else PLACING
    # Instances have the role of an existing file system, so new ones are always mounted by a task.
    kind = "fargate" if session.is_new else worker.kind
    task_definition = ""
    if kind == "fargate":
        task_definition = register_task_definition(
            clients.of("ecs", settings.region), settings, session.target, restore_id, worker, purpose
        )
    request = request_for(worker, networks, kind=kind, task_definition=task_definition)
    environment = RestoreWorkerSettings(
        task_token=event["task_token"],
        restore_id=restore_id,
        plan_id=restore["plan"],
        account=settings.account,
        region=settings.region,
        file_system_id=file_system.file_system_id,
        repository=settings.repository,
        **asdict(place.callback),
    )
    token = event["task_token"]
    # For worker_stopped, which finds the token by the machine.
    record_restore_worker(deployment.records, restore_id, worker_id="", task_token=token)
    worker_id = launch(clients, settings, request, environment, purpose)
    record_restore_worker(deployment.records, restore_id, worker_id=worker_id, task_token=token)
    logger.info("launched worker %s", worker_id)
