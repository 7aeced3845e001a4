"""indexing-session: remove the worker, its task definition and leftovers, on success and on failure."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from tidemark.aws.collected_failures import Failures
from tidemark.aws.fargate import deregister_task_definition
from tidemark.aws.leftovers import remove_leftovers
from tidemark.aws.workers import WorkerRequest, remove_workers


class Event(TypedDict):
    """The index and its worker; the worker is null if it was never prepared."""

    index_id: str
    file_system: str
    worker: WorkerRequest | None


class Result(TypedDict):
    """The removed resources."""

    workers: list[str]
    task_definition: str
    leftovers: int  # removed objects in the repository


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Remove the resources and return them; raises no error if none is left."""
    file_system = deployment.file_system(event["file_system"])
    place = deployment.at(file_system, event["index_id"])
    removed = remove_workers(
        place.clients, place.settings, event["index_id"], "the indexing session has ended"
    )
    task_definition = event["worker"]["task_definition"] if event["worker"] else ""
    if task_definition:
        deregister_task_definition(place.clients.of("ecs", file_system.region), task_definition)
    leftovers = Failures()
    removed_keys: list[str] = []
    with leftovers.collecting("leftovers of lost workers"):  # the next session retries
        settings = deployment.settings
        s3 = deployment.clients.of("s3", settings.region)
        removed_keys = remove_leftovers(s3, deployment.records, settings.repository, file_system)
    return {"workers": removed, "task_definition": task_definition, "leftovers": len(removed_keys)}
