"""indexing-session: launch the worker with the task token."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler, logger
from tidemark.aws.clock import utc_now
from tidemark.aws.worker_launcher import launch
from tidemark.aws.workers import WorkerRequest, remove_workers
from tidemark.sessions.attempts import record_attempt
from tidemark.sessions.indexing import Attempt
from tidemark.sessions.overlap import hold
from tidemark.settings import WorkerSettings


class Event(TypedDict):
    """The index, the prepared worker, and the worker's task token."""

    task_token: str
    index_id: str
    file_system: str
    worker: WorkerRequest


@lambda_handler
def handler(event: Event, deployment: Deployment) -> None:
    """Return nothing: the worker sends the result. Raise LeaseLost, WorkerNotLaunched."""
    file_system, token = deployment.file_system(event["file_system"]), event["task_token"]
    place = deployment.at(file_system, event["index_id"])
    hold(deployment.records, file_system, event["index_id"], utc_now())
    settings, clients = place.settings, place.clients
    # The worker of an earlier attempt may still run: two workers must not write one index.
    for worker_id in remove_workers(clients, settings, event["index_id"], "replaced by another worker"):
        logger.warning("removed a worker of an earlier attempt: %s", worker_id)
    request = event["worker"]
    environment = WorkerSettings(
        task_token=event["task_token"],
        index_id=event["index_id"],
        account=file_system.account,
        region=file_system.region,
        file_system_id=file_system.file_system_id,
        repository=settings.repository,
        exclude=tuple(request.get("exclude", ())),
        operations_per_second=request.get("operations_per_second") or 0,
        damage=request.get("damage", ""),
        accepted_until=request.get("accepted_until", ""),
        **asdict(place.callback),
    )
    # For worker_stopped, which finds the token by the machine.
    attempt = Attempt(worker_id="", task_token=token)
    record_attempt(deployment.records, file_system, event["index_id"], attempt)
    worker_id = launch(clients, settings, request, environment)
    record_attempt(deployment.records, file_system, event["index_id"], replace(attempt, worker_id=worker_id))
    logger.info("launched worker %s", worker_id)
