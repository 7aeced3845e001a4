"""restore-session: check the plan and the target's network, then record the session."""

from __future__ import annotations

import re
from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.restore_events import RestoreValue
from tidemark.aws.clock import utc_now
from tidemark.aws.network import choose_networks
from tidemark.aws.restore_plans import read_plan
from tidemark.errors import ConfigurationError, NotRestorable
from tidemark.policy.policy import check_file_system_id
from tidemark.restore.plan import Plan
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restores import open_restore
from tidemark.sessions.session import FileSystem

# Source: ECS, RunTask, startedBy. Names of executions may contain more.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


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

    Raises RestoreFailed for a plan that is missing or was replaced, NotRestorable for one that this state
    machine cannot execute, and NoMountTarget, WorkerNetworkNotFound or WorkerCutOff if no worker could place
    the files, before anything is written or restored.
    """
    if _NAME.fullmatch(event["restore_id"]) is None:
        raise ConfigurationError(
            f"the execution name {event['restore_id']!r} has characters that ECS does not allow in the name "
            f"of a run; start it again with a name of letters, digits, hyphens and underscores"
        )
    settings, clients = deployment.settings, deployment.clients
    file_system = deployment.file_system(check_file_system_id(event["file_system"]))
    plan = read_plan(
        clients.of("s3", settings.region), settings.repository, file_system, event["plan"], event["sha256"]
    )
    _check(plan, file_system)
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


def _check(plan: Plan, target: FileSystem) -> None:
    """Raise NotRestorable if the plan is not a restore within the target file system."""
    source = FileSystem(plan.account, plan.region, plan.file_system_id)
    if source != target:
        raise NotRestorable(
            f"the plan {plan.plan_id} restores {source}, and the execution was started for {target}; "
            f"start it for the file system of the plan"
        )
    if plan.destination.kind == "new-file-system":
        raise NotRestorable(
            f"the plan {plan.plan_id} restores to a new file system, which this deployment cannot do; "
            f"restore to a directory of the existing one with: tidemark restore --to DIRECTORY"
        )
    if not plan.points:
        raise NotRestorable(
            f"the plan {plan.plan_id} contains nothing to restore; plan again with: tidemark restore"
        )
    for point in plan.points:
        if point.region != target.region:
            raise NotRestorable(
                f"the recovery point {point.recovery_point_arn} is a copy in {point.region}, and AWS Backup "
                f"restores a copy only to file systems of its Region; plan with a recovery point of "
                f"{target.region}, or copy this one back with: aws backup start-copy-job --region "
                f"{point.region}"
            )
