"""Workers as the state machines use them: prepare, launch, find and remove.

`fargate.py` and `ec2.py` implement this for each type. Every worker is tagged with the id of its run, an
index or a restore session, so that a worker left by an aborted execution can be found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NotRequired, Protocol, TypedDict

from tidemark.aws.clients import Clients
from tidemark.settings import LambdaSettings

# The tags of workers by the kind of their run; `infra/` restricts removal to machines with these tags.
INDEX_TAG = "tidemark:index"
RESTORE_TAG = "tidemark:restore"
# In addition, on a file system that may be deleted: its value is the id of the session that created it.
TEMPORARY_TAG = "tidemark:temporary"
DEPLOYMENT_TAG = "tidemark:deployment"
# Placeholder for the file system id in the ARN of a worker's role or instance profile.
FILE_SYSTEM = "{file_system}"
# Source: IAM, CreateRole, RoleName. Current ids fit; the 40 digits that EFS's API allows do not.
_LONGEST_ROLE_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What the workers of one kind of run require."""

    name: str  # in messages, before the id of the run
    tag: str  # holds the id of the run
    family: str  # the middle of the name of a task definition's family
    read_only: bool  # whether they mount the file system read-only
    command: tuple[str, ...]  # their entry point; empty for the image's own
    uses_iam: bool = True  # whether they mount with the permissions of their role


INDEXING = Purpose(name="index", tag=INDEX_TAG, family="worker", read_only=True, command=())
PLACING = Purpose(
    name="restore",
    tag=RESTORE_TAG,
    family="restore-worker",
    read_only=False,
    command=("python", "-m", "worker_image.restore_worker"),
)
VERIFYING = Purpose(
    name="restore test",
    tag=RESTORE_TAG,
    family="restore-worker",  # so that what removes restore workers finds these, too
    read_only=True,
    command=("python", "-m", "worker_image.verification_worker"),
    uses_iam=False,
)
# A new file system has no policy yet, and then admits every client in its network. A role with permission for
# it would have permission for every file system, because its id is not known before.
# Source: EFS user guide, "Default EFS file system policy".
PLACING_NEW = replace(PLACING, uses_iam=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """How a worker answers its session; the fields are those of `settings.WorkerSettings`."""

    home_region: str = ""
    callback_role: str = ""
    callback_external_id: str = ""


AT_HOME = Callback()


class WorkerEnvironment(Protocol):
    """The settings that a worker of either purpose receives; see settings.py."""

    @property
    def task_token(self) -> str:
        """The token of the step that waits for the worker."""

    @property
    def run_id(self) -> str:
        """The id of the worker's run."""

    @property
    def file_system_id(self) -> str:
        """The file system that the worker mounts."""

    @property
    def root(self) -> str:
        """Its mount point."""

    @property
    def home_region(self) -> str:
        """The Region of its session; empty for the Region of the file system."""

    @property
    def callback_role(self) -> str:
        """The ARN of the role that answers its session; empty for its own role."""

    @property
    def callback_external_id(self) -> str:
        """The external id that this role demands."""

    def to_environment(self) -> dict[str, str]:
        """Return the variables of the worker's environment."""


class NoRoom(Exception):
    """Fargate or EC2 has no capacity for the worker in this network; another network may have."""


class NetworkValue(TypedDict):
    """One network for the worker; see network.WorkerNetwork."""

    subnets: list[str]
    security_groups: list[str]


class WorkerRequest(TypedDict):
    """The output of `prepare_worker` and input of `launch_worker`, passed through the state machine."""

    kind: Literal["fargate", "ec2"]
    task_definition: str  # ARN; empty for EC2
    instance_type: str  # empty for Fargate
    # NotRequired: missing in executions started by an older version, whose one network is in `subnets`
    # and `security_groups`.
    networks: NotRequired[list[NetworkValue]]  # in the order in which they are tried
    subnets: NotRequired[list[str]]
    security_groups: NotRequired[list[str]]
    # Prepared once, so that a worker which resumes another's work applies the same exclusions.
    exclude: NotRequired[list[str]]
    operations_per_second: NotRequired[int | None]
    damage: NotRequired[str]  # as in settings.WorkerSettings, with the next one
    accepted_until: NotRequired[str]
    public_address: NotRequired[bool]


def arn_for(pattern: str, file_system_id: str) -> str:
    """Return the ARN of a file system's role or instance profile; without FILE_SYSTEM, `pattern` itself."""
    if FILE_SYSTEM not in pattern:
        return pattern
    path, _, name = pattern.replace(FILE_SYSTEM, file_system_id).rpartition("/")
    if len(name) > _LONGEST_ROLE_NAME:
        name = f"{name[: _LONGEST_ROLE_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{path}/{name}"


def networks_of(request: WorkerRequest) -> list[NetworkValue]:
    """Return the networks for the worker, in the order in which they are tried."""
    if "networks" in request:
        return request["networks"]
    return [{"subnets": request["subnets"], "security_groups": request["security_groups"]}]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningWorker:
    """A worker that exists now."""

    kind: Literal["fargate", "ec2"]
    worker_id: str  # task ARN or instance id
    run_id: str  # of its index or restore session


def find_workers(
    clients: Clients, settings: LambdaSettings, run_id: str | None = None, purpose: Purpose = INDEXING
) -> Iterator[RunningWorker]:
    """Return the running or starting workers of a run, or of all runs of this purpose."""
    yield from _fargate_workers(clients, settings, run_id, purpose)
    yield from _ec2_workers(clients, settings, run_id, purpose)


def remove_workers(
    clients: Clients, settings: LambdaSettings, run_id: str, reason: str, purpose: Purpose = INDEXING
) -> list[str]:
    """Stop every worker of a run; return their ids, which may be none."""
    removed = []
    for worker in find_workers(clients, settings, run_id, purpose):
        remove_worker(clients, settings, worker, reason)
        removed.append(worker.worker_id)
    return removed


def remove_worker(clients: Clients, settings: LambdaSettings, worker: RunningWorker, reason: str) -> None:
    """Stop one worker."""
    if worker.kind == "ec2":
        clients.of("ec2", settings.region).terminate_instances(InstanceIds=[worker.worker_id])
    else:
        ecs = clients.of("ecs", settings.region)
        ecs.stop_task(cluster=settings.cluster, task=worker.worker_id, reason=reason[:255])


def _fargate_workers(
    clients: Clients, settings: LambdaSettings, run_id: str | None, purpose: Purpose
) -> Iterator[RunningWorker]:
    ecs = clients.of("ecs", settings.region)
    paginator = ecs.get_paginator("list_tasks")
    pages = (
        paginator.paginate(cluster=settings.cluster, desiredStatus="RUNNING")
        if run_id is None
        # startedBy allows no other filter; desiredStatus defaults to RUNNING. Source: ListTasks, startedBy.
        else paginator.paginate(cluster=settings.cluster, startedBy=started_by(run_id))
    )
    for page in pages:
        if not page["taskArns"]:
            continue
        for task in ecs.describe_tasks(cluster=settings.cluster, tasks=page["taskArns"], include=["TAGS"])[
            "tasks"
        ]:
            tags = {tag.get("key"): tag.get("value", "") for tag in task.get("tags", [])}
            ending = task.get("desiredStatus") == "STOPPED"
            if not ending and purpose.tag in tags and tags.get(DEPLOYMENT_TAG) == settings.deployment:
                yield RunningWorker(kind="fargate", worker_id=task["taskArn"], run_id=tags[purpose.tag])


def _ec2_workers(
    clients: Clients, settings: LambdaSettings, run_id: str | None, purpose: Purpose
) -> Iterator[RunningWorker]:
    pages = (
        clients.of("ec2", settings.region)
        .get_paginator("describe_instances")
        .paginate(
            Filters=[
                {"Name": f"tag:{DEPLOYMENT_TAG}", "Values": [settings.deployment]},
                {"Name": f"tag:{purpose.tag}", "Values": [run_id or "*"]},
                # A manually stopped instance would remain forever, and its disk would be billed.
                {
                    "Name": "instance-state-name",
                    "Values": ["pending", "running", "stopping", "stopped"],
                },
            ]
        )
    )
    for page in pages:
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
                yield RunningWorker(kind="ec2", worker_id=instance["InstanceId"], run_id=tags[purpose.tag])


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedInstance:
    """A stopping or stopped instance of a worker, and EC2's reason."""

    purpose: Purpose
    run_id: str
    code: str  # such as Client.InstanceInitiatedShutdown
    message: str


def stopped_instance(
    clients: Clients, deployment: str, region: str, instance_id: str
) -> StoppedInstance | None:
    """Return the stopped worker with this instance id; None if it is not of this deployment or not found.

    A terminated instance stays visible for a while, its tags for less. Source: EC2 User Guide, "Terminate".
    """
    answer = clients.of("ec2", region).describe_instances(
        Filters=[
            {"Name": "instance-id", "Values": [instance_id]},
            {"Name": f"tag:{DEPLOYMENT_TAG}", "Values": [deployment]},
        ]
    )
    for reservation in answer["Reservations"]:
        for instance in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
            reason = instance.get("StateReason", {})
            for purpose in (INDEXING, PLACING):
                if purpose.tag not in tags:
                    continue
                return StoppedInstance(
                    purpose=purpose,
                    run_id=tags[purpose.tag],
                    code=reason.get("Code", ""),
                    message=reason.get("Message", "") or instance.get("StateTransitionReason", ""),
                )
    return None


def client_token(task_token: str, network: NetworkValue) -> str:
    """Return the idempotency token of a launch, which differs for each network."""
    return hashlib.sha256("\n".join([task_token, *network["subnets"]]).encode()).hexdigest()


def started_by(run_id: str) -> str:
    """Return the `startedBy` of a run's tasks, at most 128 characters. Source: RunTask."""
    return run_id[:128]
