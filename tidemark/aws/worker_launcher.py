"""Launches the worker in the first Availability Zone that has capacity."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from tidemark.aws.clients import Clients
from tidemark.aws.ec2 import run_instance
from tidemark.aws.fargate import run_task
from tidemark.aws.network import WorkerNetwork
from tidemark.aws.workers import (
    INDEXING,
    NetworkValue,
    NoRoom,
    Purpose,
    WorkerEnvironment,
    WorkerRequest,
    networks_of,
)
from tidemark.errors import WorkerNotLaunched
from tidemark.policy.policy import WorkerKind, WorkerSettings
from tidemark.settings import LambdaSettings

_LOG = logging.getLogger(__name__)


def request_for(
    worker: WorkerSettings,
    networks: Sequence[WorkerNetwork],
    *,
    kind: WorkerKind,
    task_definition: str,
) -> WorkerRequest:
    """Return the request for a worker of a policy's settings; `kind` may differ from theirs."""
    return {
        "kind": kind,
        "task_definition": task_definition,
        "instance_type": worker.instance_type or "",
        "networks": [
            {"subnets": list(network.subnets), "security_groups": list(network.security_groups)}
            for network in networks
        ],
        "public_address": worker.public_address,
    }


def launch(
    clients: Clients,
    settings: LambdaSettings,
    request: WorkerRequest,
    environment: WorkerEnvironment,
    purpose: Purpose = INDEXING,
) -> str:
    """Launch the worker in the first of its networks with capacity; return its task ARN or instance id.

    Raises WorkerNotLaunched if none has capacity, or for any other failure.
    """
    full = []
    for network in networks_of(request):
        try:
            if request["kind"] == "ec2":
                ec2 = clients.of("ec2", settings.region)
                return run_instance(ec2, settings, request, network, environment, purpose)
            ecs = clients.of("ecs", settings.region)
            return run_task(ecs, settings, request, network, environment, purpose)
        except NoRoom as error:
            _LOG.warning("no capacity for a worker in %s: %s", _where(network), error)
            full.append(f"in {_where(network)}: {error}")
    raise WorkerNotLaunched(
        f"there is no capacity for the worker of {purpose.name} {environment.run_id} {'; '.join(full)}; "
        f"it is retried; if the problem persists, add a mount target in another Availability Zone, "
        f"or name a subnet in another zone in tidemark.yaml, or choose another size there"
    )


def _where(network: NetworkValue) -> str:
    return " or ".join(network["subnets"])
