"""indexing-session: choose the worker's network and register its task definition."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from tidemark.aws.clock import utc_now
from tidemark.aws.fargate import register_task_definition
from tidemark.aws.network import choose_networks
from tidemark.aws.worker_launcher import request_for
from tidemark.aws.workers import WorkerRequest
from tidemark.sessions.overlap import hold


class Event(TypedDict):
    """The input of indexing-session."""

    index_id: str
    file_system: str
    policy: str


@lambda_handler
def handler(event: Event, deployment: Deployment) -> WorkerRequest:
    """Return the input of `launch_worker`.

    Raises LeaseLost, NoMountTarget, WorkerNetworkNotFound, WorkerCutOff.
    """
    settings, clients = deployment.settings, deployment.clients
    file_system = deployment.file_system(event["file_system"])
    # In a redrive days later the lease is lost, and another index may be in progress.
    hold(deployment.records, file_system, event["index_id"], utc_now())
    policy = deployment.policy(event["policy"])
    worker, crawl = policy.worker, policy.crawl
    networks = choose_networks(
        clients.of("efs", settings.region), clients.of("ec2", settings.region), file_system, worker
    )
    task_definition = ""
    if worker.kind == "fargate":
        task_definition = register_task_definition(
            clients.of("ecs", settings.region), settings, event["file_system"], event["index_id"], worker
        )
    return {
        **request_for(worker, networks, kind=worker.kind, task_definition=task_definition),
        "exclude": list(crawl.exclude),
        "operations_per_second": crawl.operations_per_second,
    }
