"""indexing-session: remove the worker and what launched it, however the session ended."""

from __future__ import annotations

from typing import TypedDict

from lambdas._step import Deployment, step
from tidemark.aws.fargate import deregister_task_definition
from tidemark.aws.workers import WorkerRequest, remove_workers


class Event(TypedDict):
    """The index and its worker; the worker is null when it was never prepared."""

    index_id: str
    file_system: str
    worker: WorkerRequest | None


class Result(TypedDict):
    """What was there to remove."""

    workers: list[str]
    task_definition: str


@step
def handler(event: Event, deployment: Deployment) -> Result:
    """Return what was removed; nothing left is no error."""
    settings, clients = deployment.settings, deployment.clients
    removed = remove_workers(clients, settings, event["index_id"], "the indexing session has ended")
    task_definition = event["worker"]["task_definition"] if event["worker"] else ""
    if task_definition:
        deregister_task_definition(clients.of("ecs", settings.region), task_definition)
    return {"workers": removed, "task_definition": task_definition}
