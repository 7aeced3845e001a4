"""Runs a task through its lifecycle, in a separate thread.

    PROVISIONING -> PENDING -> RUNNING -> DEPROVISIONING -> STOPPED
                        a volume, image or role that does not work ends it before RUNNING

Faults, under the service `ecs` (`match` is searched in "TASK-DEFINITION-ARN STARTED-BY", `principal` in the
task role's ARN), in addition to those of the API calls:
    operation="ContainerStart", action="fail": the n-th task stops before its container runs, with
        TaskFailedToStart and "ERROR-CODE: MESSAGE", such as CannotPullContainerError
    operation="ContainerSecond", action="kill": SIGKILL when the containers of such tasks have run for n
        real seconds (counted per task and second). "fail" interrupts the task as Fargate Spot does, or,
        with error_code="OutOfMemoryError", kills its containers as the kernel does when memory is exhausted
To kill a worker at its n-th call of an AWS operation, set a fault of action "kill" on that operation, with
the task role's name as `principal`.
"""

from __future__ import annotations

import signal
import subprocess
import time
import traceback
from pathlib import Path
from typing import Any

from localcloud.authentication.credentials import RoleSession
from localcloud.compute.containers import ContainerRun, Mount, host_command
from localcloud.compute.dockerfile import NoSuchImage
from localcloud.compute.logs import LogShipper, LogTarget
from localcloud.compute.mount_targets import CannotMount, mountable_directory
from localcloud.compute.routes import reachable, unreachable
from localcloud.compute.tasks import Container, StopRequest, Task
from localcloud.core.clock import ShuttingDown
from localcloud.core.cloud import Cloud
from localcloud.core.faults import InjectedFault, KillCaller
from localcloud.core.partitions import url_suffix
from localcloud.core.role_clients import Clients
from localcloud.iam.roles import assumable
from localcloud.services.event_bridge import EventBus

PROVISIONING_SECONDS = 10.0  # unscaled AWS seconds, as the next two
PENDING_SECONDS = 20.0
DEPROVISIONING_SECONDS = 10.0
STOP_TIMEOUT_SECONDS = 30.0
SHORTEST_GRACE = 2.0  # real seconds between SIGTERM and SIGKILL, regardless of the time scale
POLL_SECONDS = 0.05
FROM_ECR = ("ecr.api", "ecr.dkr", "s3")  # S3 serves the layers


class TaskNotStarted(Exception):
    """The task cannot run; the message is its stoppedReason."""


class TaskRunner:
    """Runs tasks."""

    def __init__(self, cloud: Cloud, clients: Clients, events: EventBus) -> None:
        self.cloud, self.clients, self._events = cloud, clients, events

    def run(self, task: Task) -> None:
        """Take a task from PROVISIONING to STOPPED."""
        try:
            self._wait(task, PROVISIONING_SECONDS)
            self._enter(task, "PENDING")
            self._wait(task, PENDING_SECONDS)
            if not task.stop_requested.is_set():
                self._run_containers(task)
            self._stop(task, task.stop_request or StopRequest(code="UserInitiated", reason=""))
        except (TaskNotStarted, NoSuchImage) as error:
            self._stop(task, StopRequest(code="TaskFailedToStart", reason=str(error)))
        except ShuttingDown:
            return
        except Exception as error:  # a thread that records no end would leave its task RUNNING forever
            traceback.print_exc()
            self._stop(
                task, StopRequest(code="TaskFailedToStart", reason=f"the local cloud failed: {error!r}")
            )

    def _enter(self, task: Task, status: str) -> None:
        task.last_status = status
        self._events.emit(
            "aws.ecs",
            "ECS Task State Change",
            account=task.account,
            region=task.region,
            resources=[task.arn],
            details=[task.event_detail()],
        )

    def _wait(self, task: Task, aws_seconds: float) -> None:
        until = time.monotonic() + self.cloud.clock.seconds(aws_seconds)
        while time.monotonic() < until and not task.stop_requested.is_set():
            self.cloud.clock.sleep_real(min(POLL_SECONDS, max(0.0, until - time.monotonic())))

    def _run_containers(self, task: Task) -> None:
        self._check_start(task)
        directory = self.cloud.state_dir / "tasks" / task.id
        volumes = self._volumes(task, directory)
        shippers = []
        try:
            for container in task.containers:  # one by one: those started before a failure must be stopped
                shipper = self._start(task, container, volumes, directory / container.name)
                shippers += [shipper]
            task.moments["startedAt"] = self.cloud.clock.now()
            self._enter(task, "RUNNING")
            self._supervise(task, shippers)
        finally:
            for container in task.containers:
                if container.child:
                    self._end(container)
            for shipper in shippers:
                shipper.ship(last=True)

    def _check_start(self, task: Task) -> None:
        for role in (_role(task, "task_role_arn"), _role(task, "execution_role_arn")):
            if role and not assumable(role, "ecs-tasks.amazonaws.com"):
                raise TaskNotStarted(
                    f"ECS was unable to assume the role '{role}' that was provided for this task. Please "
                    "verify that the role being passed has the proper trust relationship and permissions."
                )
        self._check_network(task)
        try:
            self._check_fault(task, "ContainerStart")
        except InjectedFault as fault:
            raise TaskNotStarted(f"{fault.code}: {fault.message}") from None
        except KillCaller:
            raise TaskNotStarted("InternalError: a fault injected by the local cloud") from None

    def _check_network(self, task: Task) -> None:
        """Raise TaskNotStarted, with Fargate's message, unless the task reaches the services for its start.

        Source: Amazon ECS Developer Guide, "CannotPullContainer task errors", "Troubleshooting Amazon ECS
        ResourceInitializationError errors".
        """
        needed = [*(FROM_ECR if any(map(_is_from_ecr, task.containers)) else ()), "logs"]
        missing = unreachable(
            task.account, task.region, task.subnets[0], needed, public_address=task.public_address
        )
        image = task.containers[0].definition["image"]
        domain = f"{task.region}.{url_suffix(task.region)}"
        if "ecr.api" in missing:
            raise TaskNotStarted(
                "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull "
                "registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. "
                "Check your task network configuration. RequestError: send request failed caused by: Post "
                f'"https://api.ecr.{domain}/": dial tcp: i/o timeout'
            )
        if {"ecr.dkr", "s3"} & set(missing):
            host = image.split("/")[0] if "ecr.dkr" in missing else f"s3.{domain}"
            raise TaskNotStarted(
                "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve "
                f'ref {image}: failed to do request: Head "https://{host}/": dial tcp: i/o timeout'
            )
        logged = any("logConfiguration" in container.definition for container in task.containers)
        if missing and logged:
            raise TaskNotStarted(
                "ResourceInitializationError: failed to validate logger args: create stream has been retried "
                "1 times: failed to create Cloudwatch log stream: RequestError: send request failed caused "
                "by: "
                f'Post "https://logs.{domain}/": dial tcp: i/o timeout'
            )

    def _volumes(self, task: Task, directory: Path) -> dict[str, Path]:
        """Return the directory of each volume of the task definition."""
        volumes: dict[str, Path] = {}
        for volume in task.definition.volumes:
            efs = volume.get("efsVolumeConfiguration")
            if efs is None:
                volumes[volume["name"]] = directory / "volumes" / volume["name"]
                volumes[volume["name"]].mkdir(parents=True)
                continue
            try:
                root = mountable_directory(
                    self.cloud,
                    efs["fileSystemId"],
                    account=task.account,
                    region=task.region,
                    subnet_id=task.subnets[0] if task.subnets else None,
                    security_groups=task.security_groups,
                    read_only=_only_read(task, volume["name"]),
                    role_arn=_role(task, "task_role_arn") if _authorized_by_iam(efs) else None,
                )
            except CannotMount as error:
                raise TaskNotStarted(
                    "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: "
                    f"stderr: {error} : unsuccessful EFS utils command execution; code: 1"
                ) from None
            volumes[volume["name"]] = root / efs.get("rootDirectory", "/").strip("/")
        return volumes

    def _start(
        self, task: Task, container: Container, volumes: dict[str, Path], directory: Path
    ) -> LogShipper:
        definition, override = container.definition, task.override(container)
        context = self.cloud.images.get(definition["image"])
        if context is None:
            raise TaskNotStarted(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
                f"{definition['image']}: not found"
            )
        target = self._log_target(task, definition)
        principal = _role(task, "task_role_arn") or self.cloud.root_of(task.account)
        session = RoleSession(name=task.id)  # ECS names the session after the task
        credentials = self.cloud.role_credentials(principal, task.region, session)
        near = reachable(task.account, task.region, task.subnets[0], public_address=task.public_address)
        if near is not None:
            self.cloud.reach[credentials["AWS_ACCESS_KEY_ID"]] = near
        scratch = directory / "scratch"
        scratch.mkdir(parents=True)
        run = ContainerRun(
            context=context,
            entry_point=definition.get("entryPoint"),
            command=override.get("command") or definition.get("command"),
            environment={**_variables(definition), **_variables(override)},
            mounts=[
                Mount(container_path=mount["containerPath"], directory=volumes[mount["sourceVolume"]])
                for mount in definition.get("mountPoints", [])
            ],
        )
        host = host_command(run, credentials, scratch)
        log = directory / "output.log"
        with log.open("ab") as output:
            container.child = self.cloud.processes.spawn(
                host.command,
                name=f"ecs:{task.id}",
                kind="worker",
                env=host.environment,
                cwd=scratch,
                output=output,
                access_key=credentials["AWS_ACCESS_KEY_ID"],
            )
        container.last_status = "RUNNING"
        return LogShipper(cloud=self.cloud, clients=self.clients, path=log, target=target)

    def _log_target(self, task: Task, definition: dict[str, Any]) -> LogTarget | None:
        configuration = definition.get("logConfiguration") or {}
        if configuration.get("logDriver") != "awslogs":
            return None
        from moto.logs.models import logs_backends

        options = configuration.get("options", {})
        group, region = options["awslogs-group"], options.get("awslogs-region", task.region)
        if group not in logs_backends[task.account][region].groups:
            raise TaskNotStarted(
                "ResourceInitializationError: failed to validate logger args: create stream has been retried "
                "1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified "
                f"log group does not exist: {group}"
            )
        stream = f"{options.get('awslogs-stream-prefix', 'ecs')}/{definition['name']}/{task.id}"
        writer = _role(task, "execution_role_arn") or self.cloud.root_of(task.account)
        return LogTarget(group=group, stream=stream, region=region, principal=writer)

    def _supervise(self, task: Task, shippers: list[LogShipper]) -> None:
        """Wait until the first essential container ends or StopTask is called."""
        next_second = time.monotonic() + 1
        while not task.stop_requested.is_set():
            for container in task.containers:
                essential = container.definition.get("essential", True)
                if essential and container.child and container.child.popen.poll() is not None:
                    reason = "Essential container in task exited"
                    task.stop_request = StopRequest(code="EssentialContainerExited", reason=reason)
                    return
            if time.monotonic() >= next_second:
                next_second += 1
                for shipper in shippers:
                    shipper.ship()
                self._strike(task)
            self.cloud.clock.sleep_real(POLL_SECONDS)

    def _strike(self, task: Task) -> None:
        try:
            self._check_fault(task, "ContainerSecond")
        except KillCaller:
            for container in task.containers:
                if container.child:
                    container.child.signal(signal.SIGKILL)
        except InjectedFault as fault:
            if fault.code == "OutOfMemoryError":
                for container in task.containers:
                    container.reason = "OutOfMemoryError: Container killed due to memory usage"
                    if container.child:
                        container.child.signal(signal.SIGKILL)
                return
            task.stop_request = StopRequest(code="SpotInterruption", reason=fault.message)
            task.stop_requested.set()

    def _check_fault(self, task: Task, operation: str) -> None:
        text = f"{task.definition.arn} {task.started_by or ''}"
        role = _role(task, "task_role_arn") or ""
        self.cloud.faults.check("ecs", operation, task.region, text, role)

    def _end(self, container: Container) -> None:
        """Stop a container's process: SIGTERM, then SIGKILL after its stopTimeout."""
        assert container.child is not None  # noqa: S101  # the callers have checked
        child = container.child
        grace = self.cloud.clock.seconds(container.definition.get("stopTimeout") or STOP_TIMEOUT_SECONDS)
        if child.popen.poll() is None:
            child.signal(signal.SIGTERM)
        try:
            code = self.cloud.processes.wait(child, max(grace, SHORTEST_GRACE))
        except subprocess.TimeoutExpired:
            child.signal(signal.SIGKILL)
            code = self.cloud.processes.wait(child)
        container.exit_code = 128 - code if code < 0 else code

    def _stop(self, task: Task, request: StopRequest) -> None:
        now = self.cloud.clock.now()
        task.desired_status = "STOPPED"
        task.stop_code, task.stopped_reason = request.code, request.reason
        task.moments["stoppingAt"] = now
        task.moments["executionStoppedAt"] = now
        for container in task.containers:
            container.last_status = "STOPPED"
        self._enter(task, "DEPROVISIONING")
        self.cloud.clock.sleep(DEPROVISIONING_SECONDS)
        task.moments["stoppedAt"] = self.cloud.clock.now()
        self._enter(task, "STOPPED")


def _is_from_ecr(container: Container) -> bool:
    return ".dkr.ecr." in str(container.definition["image"])


def _variables(definition: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in definition.get("environment", [])}


def _role(task: Task, name: str) -> str | None:
    """Return a role of the task: RunTask's override, else the task definition's."""
    override = {"task_role_arn": "taskRoleArn", "execution_role_arn": "executionRoleArn"}[name]
    return task.overrides.get(override) or getattr(task.definition, name, None)


def _only_read(task: Task, volume: str) -> bool:
    """Return whether every container that mounts the volume mounts it read-only."""
    points = (point for container in task.containers for point in container.definition.get("mountPoints", []))
    return all(point.get("readOnly", False) for point in points if point["sourceVolume"] == volume)


def _authorized_by_iam(efs: dict[str, Any]) -> bool:
    return (efs.get("authorizationConfig") or {}).get("iam") == "ENABLED"
