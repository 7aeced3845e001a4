"""restore-session: check the plan and the target's network, then record the session."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.restore_events import RestoreValue
from tidemark.aws.clock import utc_now
from tidemark.aws.network import choose_networks
from tidemark.aws.restore_plans import read_plan
from tidemark.policy.policy import check_file_system_id
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restores import open_restore


class Event(TypedDict):
    """The input of restore-session, with the execution's name and ARN."""

    restore_id: str
    execution_arn: str
    plan: str
    sha256: str
    file_system: str
    policy: str


@lambda_handler
def handler(event: Event, deployment: Deployment) -> RestoreValue:
    """Return the opened session.

    Raises RestoreFailed for a plan that is missing or was replaced, and NoMountTarget, WorkerNetworkNotFound
    or WorkerCutOff if no worker could place the files, before anything is written or restored.
    """
    settings, clients = deployment.settings, deployment.clients
    file_system = deployment.file_system(check_file_system_id(event["file_system"]))
    read_plan(
        clients.of("s3", settings.region), settings.repository, file_system, event["plan"], event["sha256"]
    )
    choose_networks(
        clients.of("efs", settings.region),
        clients.of("ec2", settings.region),
        file_system,
        deployment.worker_of(event["policy"]),
    )
    session = RestoreSession(
        restore_id=event["restore_id"],
        plan_id=event["plan"],
        file_system=file_system,
        execution_arn=event["execution_arn"],
        started_at=utc_now(),
    )
    open_restore(deployment.records, session)
    return {
        "restore_id": session.restore_id,
        "plan": event["plan"],
        "sha256": event["sha256"],
        "file_system": event["file_system"],
        "policy": event["policy"],
    }
