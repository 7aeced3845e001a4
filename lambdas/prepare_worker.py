"""indexing-session: choose the worker's network and register its task definition."""

from __future__ import annotations

import json
from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from tidemark.aws.clock import utc_now
from tidemark.aws.fargate import register_task_definition
from tidemark.aws.network import choose_networks
from tidemark.aws.worker_launcher import request_for
from tidemark.aws.workers import WorkerRequest
from tidemark.sessions.damage_alarms import read_alarm
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
    file_system = deployment.file_system(event["file_system"])
    # In a redrive days later the lease is lost, and another index may be in progress.
    hold(deployment.records, file_system, event["index_id"], utc_now())
    policy = deployment.policy(event["policy"])
    worker, crawl = policy.worker, policy.crawl
    place, region = deployment.at(file_system, event["index_id"]), file_system.region
    efs, ec2 = place.clients.of("efs", region), place.clients.of("ec2", region)
    networks = choose_networks(efs, ec2, file_system, worker, place.callback)
    alarm = read_alarm(deployment.records, file_system)
    task_definition = ""
    if worker.kind == "fargate":
        task_definition = register_task_definition(
            place.clients.of("ecs", region),
            place.settings,
            file_system.file_system_id,
            event["index_id"],
            worker,
        )
    return {
        **request_for(worker, networks, kind=worker.kind, task_definition=task_definition),
        "exclude": list(crawl.exclude),
        "operations_per_second": crawl.operations_per_second,
        "damage": "" if policy.damage is None else json.dumps(policy.damage.to_json(), separators=(",", ":")),
        "accepted_until": "" if alarm is None else alarm.accepted_until,
    }
