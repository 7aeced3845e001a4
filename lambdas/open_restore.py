"""restore-session: check the plan and the target's network, then record the session."""

from __future__ import annotations

import re
from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.restore_events import RestoreValue
from tidemark.aws.clock import utc_now
from tidemark.aws.network import choose_networks, planned_networks
from tidemark.aws.restore_plans import read_plan
from tidemark.errors import ConfigurationError, NotRestorable
from tidemark.policy.policy import id_of
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
    id_of(event["file_system"])
    file_system = deployment.file_system(event["file_system"])
    plan = read_plan(
        clients.of("s3", settings.region), settings.repository, file_system, event["plan"], event["sha256"]
    )
    _check(plan, file_system, is_at_home=file_system.site == deployment.sites.home)
    place, worker = (
        deployment.restore_sites.at(*file_system.site, event["restore_id"]),
        deployment.worker_of(event["policy"]),
    )
    ec2 = place.clients.of("ec2", place.region)
    new = plan.new_file_system
    if new is None:
        efs = place.clients.of("efs", place.region)
        choose_networks(efs, ec2, file_system, worker, place.callback)
    else:
        targets = {target.subnet: target.security_groups for target in new.mount_targets}
        planned_networks(ec2, file_system, targets, worker)
    session = RestoreSession(
        restore_id=event["restore_id"],
        plan_id=event["plan"],
        file_system=file_system,
        execution_arn=event["execution_arn"],
        started_at=utc_now(),
        is_new=new is not None,
        kind="drill" if plan.drill else "restore",
    )
    open_restore(deployment.records, session)
    return {
        "restore_id": session.restore_id,
        "plan": event["plan"],
        "sha256": event["sha256"],
        "file_system": event["file_system"],
        "policy": event["policy"],
        "is_new": session.is_new,
        "is_drill": session.kind == "drill",
    }


def _check(plan: Plan, target: FileSystem, *, is_at_home: bool) -> None:
    """Raise NotRestorable if the plan is not a restore of the file system that can be executed."""
    source = FileSystem(plan.account, plan.region, plan.file_system_id)
    if source != target:
        raise NotRestorable(
            f"the plan {plan.plan_id} restores {source}, and the execution was started for {target}; "
            f"start it for the file system of the plan"
        )
    new = plan.new_file_system
    if new is not None and not is_at_home:
        raise NotRestorable(
            f"the plan {plan.plan_id} creates a file system in account {target.account} in {target.region}, "
            f"where restores go to existing file systems only; restore to the file system itself"
        )
    if (plan.destination.kind == "new-file-system") != (new is not None and bool(new.mount_targets)):
        raise NotRestorable(
            f"the plan {plan.plan_id} does not match its destination {plan.destination.kind}: only a new "
            f"file system has settings, and it has mount targets; plan again with: tidemark restore"
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
                f"{target.region}, or restore this one there with: aws backup start-restore-job --region "
                f"{point.region}"
            )
