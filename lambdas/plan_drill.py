"""drill-run: plan the drill of a file system. In an asset of its own, because it reads an index."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from tidemark.aws.clock import utc_now
from tidemark.aws.drill_plans import plan_drill
from tidemark.aws.recorded_repository import RecordedRepository
from tidemark.aws.restore_plans import write_plan
from tidemark.aws.s3_store import open_store


class Event(TypedDict):
    """The file system, and the policy whose settings apply."""

    policy: str
    file_system: str


class Request(TypedDict):
    """The input of restore-session."""

    plan: str
    sha256: str
    file_system: str
    policy: str


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Request:
    """Write the plan and return the input of its restore session.

    Raises what `plan_drill` raises. A repeated call makes another plan, which is then executed instead.
    """
    settings, clients = deployment.settings, deployment.clients
    s3 = clients.of("s3", settings.region)
    plan = plan_drill(
        deployment.file_system(event["file_system"]),
        deployment.policy(event["policy"]).drill,
        records=deployment.records,
        repository=RecordedRepository(open_store(settings.repository, s3), deployment.records),
        backup=clients.of("backup", settings.region),
        efs=clients.of("efs", settings.region),
        now=utc_now(),
    )
    return {
        "plan": plan.plan_id,
        "sha256": write_plan(s3, settings.repository, plan),
        "file_system": event["file_system"],
        "policy": event["policy"],
    }
