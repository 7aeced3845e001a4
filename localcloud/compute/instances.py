"""EC2 instances that run their user data, a shell script, as a process on this machine.

moto keeps the records. Added here: the script in RunInstances' UserData runs with the commands of
instance_commands.py in its PATH and the credentials of the instance profile's role; `shutdown` in the script
stops or terminates the instance according to InstanceInitiatedShutdownBehavior; TerminateInstances and
StopInstances kill its processes; a repeated ClientToken launches no new instance, and is an error with other
parameters; GetConsoleOutput returns the script's output.

Fault: service="ec2", operation="InstanceSecond", action="kill" kills (SIGKILL) the containers of instances
that have run for n real seconds, while their script continues; `match` is searched in the instance id and its
tags' values, `principal` in the role's ARN. A fault of action "kill" on a call that the worker makes kills
its script too, and counts as the script's end: the instance shuts down.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance, StateReason
from moto.ec2.responses.general import General
from moto.ec2.responses.instances import InstanceResponse

from localcloud.authentication.credentials import RoleSession
from localcloud.compute import instance_commands
from localcloud.compute.logs import LogShipper, LogTarget
from localcloud.compute.mount_targets import CannotMount, mountable_directory
from localcloud.compute.routes import reachable, unreachable
from localcloud.core.clock import ShuttingDown
from localcloud.core.cloud import Cloud
from localcloud.core.faults import InjectedFault, KillCaller
from localcloud.core.partitions import global_arn, regional_arn, url_suffix
from localcloud.core.processes import Child
from localcloud.core.role_clients import Clients
from localcloud.iam.roles import assumable, instance_profile_exists, role_of_instance_profile
from localcloud.services.event_bridge import EventBus

OWN_SHUTDOWN = "Client.InstanceInitiatedShutdown"
GONE = ("shutting-down", "terminated")
BOOT_SECONDS = 30.0  # unscaled AWS seconds until user data runs
POLL_SECONDS = 0.05
MISMATCH = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."


@dataclass(slots=True, kw_only=True)
class Machine:
    """The processes of one instance."""

    instance: Any  # moto's
    directory: Path
    role: str | None
    child: Child | None = None
    ended: threading.Event = field(default_factory=threading.Event)  # stopped or terminated
    ends_itself: bool = False  # through its script's `shutdown`, or the end of its script


class Machines:
    """All instances with processes."""

    def __init__(self, cloud: Cloud, clients: Clients, events: EventBus) -> None:
        self.cloud, self.clients, self._events = cloud, clients, events
        self._machines: dict[str, Machine] = {}
        # (account, Region, client token) -> request, reservation
        self._launched: dict[tuple[str, str, str], tuple[str, Any]] = {}
        self._lock = threading.Lock()

    def install(self) -> None:
        """Patch moto's EC2."""
        run_instances, console = InstanceResponse.run_instances, General.get_console_output
        machines = self

        def run(response: Any) -> Any:
            token, request = response._get_param("ClientToken"), _as_text(response.params)
            known = (response.current_account, response.region, token)
            with machines._lock:
                if token and known in machines._launched:
                    earlier, reservation = machines._launched[known]
                    if earlier != request:
                        raise EC2ClientError("IdempotentParameterMismatch", MISMATCH)
                    return ActionResult(reservation)
                check_profile(response)
                answer = run_instances(response)
                if token:
                    machines._launched[known] = (request, answer.result)
            for instance in answer.result.instances:
                machines.start(instance)
            return answer

        def get_console_output(response: Any) -> Any:
            answer = console(response)
            machine = machines._machines.get(answer.result["InstanceId"])
            text = machine.directory / "console.log" if machine else None
            printed = text.read_text(errors="replace") if text and text.exists() else ""
            answer.result["Output"] = Base64EncodedString.from_raw_string(printed[-65536:])
            return answer

        InstanceResponse.run_instances = run
        General.get_console_output = get_console_output
        for name, states in (("terminate", GONE), ("stop", ("stopping", "stopped"))):
            setattr(Instance, name, self._ending(getattr(Instance, name), states))

    def start(self, instance: Any) -> None:
        """Boot an instance in a separate thread."""
        profile = (instance.iam_instance_profile or {}).get("Arn")
        machine = Machine(
            instance=instance,
            directory=self.cloud.state_dir / "instances" / instance.id,
            role=role_of_instance_profile(profile) if profile else None,
        )
        self._machines[instance.id] = machine
        self._emit(instance, "pending", "running")
        threading.Thread(target=self._run, args=(machine,), name=instance.id, daemon=True).start()

    def _ending(self, original: Any, states: tuple[str, ...]) -> Any:
        def end(instance: Any) -> Any:
            machine, ended = self._machines.get(instance.id), instance._state.name in states
            if machine:
                machine.ended.set()
                if machine.child:
                    machine.child.signal(signal.SIGKILL)
            before = original(instance)
            if machine and machine.ends_itself and not ended:
                instance.state_reason = StateReason(
                    f"{OWN_SHUTDOWN}: Instance initiated shutdown", OWN_SHUTDOWN
                )
            if not ended:
                self._emit(instance, *states)
            return before

        return end

    def _emit(self, instance: Any, *states: str) -> None:
        region = instance.region_name
        self._events.emit(
            "aws.ec2",
            "EC2 Instance State-change Notification",
            account=instance.owner_id,
            region=region,
            resources=[regional_arn("ec2", region, instance.owner_id, f"instance/{instance.id}")],
            details=[{"instance-id": instance.id, "state": state} for state in states],
        )

    def _run(self, machine: Machine) -> None:
        try:
            if machine.ended.wait(self.cloud.clock.seconds(BOOT_SECONDS)) or self.cloud.clock.stopping:
                return
            script = machine.instance.user_data.decode() if machine.instance.user_data else ""
            if script.startswith("#!"):
                self._run_script(machine, script)
        except ShuttingDown:
            return
        except Exception:
            traceback.print_exc()

    def _run_script(self, machine: Machine, script: str) -> None:
        directory = machine.directory
        for name in ("root", "bin", "containers"):
            (directory / name).mkdir(parents=True)
        (directory / "user-data").write_text(script)
        (directory / "instance.json").write_text(json.dumps(self._settings(machine)))
        for name in instance_commands.COMMANDS:
            command = directory / "bin" / name
            words = (sys.executable, *flags(name), instance_commands.__file__, name)
            command.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
            command.chmod(0o755)
        environment = {
            "PATH": f"{directory / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "LANG": "C.UTF-8",
            "HOME": str(directory / "root"),
            "LOCALCLOUD_INSTANCE": str(directory),
            **self._credentials(machine),
        }
        with (directory / "console.log").open("ab") as console:
            machine.child = self.cloud.processes.spawn(
                [*shlex.split(script.splitlines()[0].removeprefix("#!")), directory / "user-data"],
                name=f"ec2:{machine.instance.id}",
                kind="worker",
                env=environment,
                cwd=directory / "root",
                output=console,
                access_key=environment.get("AWS_ACCESS_KEY_ID"),
            )
        self._supervise(machine, machine.child)

    def _settings(self, machine: Machine) -> dict[str, Any]:
        instance, region = machine.instance, machine.instance.region_name
        return {
            "id": instance.id,
            "region": region,
            "domain": f"{region}.{url_suffix(region)}",  # of the Region's endpoints
            "zone": instance.availability_zone,
            "cut_off": unreachable(
                instance.owner_id,
                region,
                instance.subnet_id,
                ("ecr.api", "ecr.dkr", "s3", "logs", "states"),
                public_address=bool(instance.public_ip),
            ),
            "images": {uri: str(context) for uri, context in self.cloud.images.items()},
            "python_path": str(Path(__file__).parents[2]),
        }

    def _answer_mounts(self, machine: Machine) -> None:
        """Answer the script's `mount` commands; see instance_commands.py."""
        for path in (machine.directory / "mounting").glob("*.request"):
            answer = path.with_suffix(".answer")
            if answer.exists():
                continue
            asked, instance = json.loads(path.read_text()), machine.instance
            try:
                found = mountable_directory(
                    self.cloud,
                    asked["file_system"],
                    account=instance.owner_id,
                    region=instance.region_name,
                    subnet_id=instance.subnet_id,
                    security_groups=[group for nic in instance.nics.values() for group in _groups(nic)],
                    read_only=asked["read_only"],
                    role_arn=machine.role if asked["iam"] else None,
                )
                value = {"directory": str(found)}
            except CannotMount as error:
                value = {"error": str(error)}
            partial = path.with_suffix(".answering")
            partial.write_text(json.dumps(value))
            partial.replace(answer)

    def _credentials(self, machine: Machine) -> dict[str, str]:
        """Return the credentials of the metadata service; empty without a role that EC2 can assume."""
        instance = machine.instance
        principal = machine.role or self.cloud.root_of(instance.owner_id)
        session = RoleSession(name=instance.id)  # EC2 names the session after the instance
        environment = self.cloud.role_credentials(principal, instance.region_name, session)
        public = bool(instance.public_ip)
        near = reachable(instance.owner_id, instance.region_name, instance.subnet_id, public_address=public)
        if near is not None:
            self.cloud.reach[environment["AWS_ACCESS_KEY_ID"]] = near
        if machine.role and assumable(machine.role, "ec2.amazonaws.com"):
            return environment
        without = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return {name: value for name, value in environment.items() if name not in without}

    def _supervise(self, machine: Machine, child: Child) -> None:
        shippers: dict[Path, LogShipper] = {}
        next_second = time.monotonic() + 1
        try:
            while child.popen.poll() is None and not (machine.directory / "shutdown").exists():
                if time.monotonic() >= next_second:
                    next_second += 1
                    self._ship(machine, shippers)
                    self._strike(machine)
                self._answer_mounts(machine)
                self.cloud.clock.sleep_real(POLL_SECONDS)
            if child.popen.poll() is None:
                child.signal(signal.SIGTERM)  # shutdown sends it to the remaining processes
                with contextlib.suppress(Exception):
                    child.popen.wait(2)
        finally:
            child.signal(signal.SIGKILL)
            code = self.cloud.processes.wait(child)
            self._ship(machine, shippers, last=True)
        killed = code == -signal.SIGKILL
        if not machine.ended.is_set() and (killed or (machine.directory / "shutdown").exists()):
            instance, machine.ends_itself = machine.instance, True
            if instance.instance_initiated_shutdown_behavior == "terminate":
                instance.terminate()
            else:
                instance.stop()

    def _ship(self, machine: Machine, shippers: dict[Path, LogShipper], *, last: bool = False) -> None:
        for record in (machine.directory / "containers").glob("*.json"):
            if record not in shippers:
                log = json.loads(record.read_text() or "{}")
                target = None
                if log.get("driver") == "awslogs" and machine.role:
                    target = LogTarget(
                        group=log["awslogs-group"],
                        stream=log.get("awslogs-stream", record.stem),
                        region=log.get("awslogs-region", machine.instance.region_name),
                        principal=machine.role,
                    )
                shippers[record] = LogShipper(
                    cloud=self.cloud, clients=self.clients, path=record.with_suffix(".log"), target=target
                )
            shippers[record].ship(last=last)

    def _strike(self, machine: Machine) -> None:
        instance = machine.instance
        text = " ".join([instance.id, *(tag["value"] for tag in instance.get_tags())])
        try:
            self.cloud.faults.check("ec2", "InstanceSecond", instance.region_name, text, machine.role or "")
        except (KillCaller, InjectedFault):
            for record in (machine.directory / "containers").glob("*.pid"):
                with contextlib.suppress(ProcessLookupError, ValueError):
                    os.kill(int(record.read_text()), signal.SIGKILL)


def flags(command: str) -> tuple[str, ...]:
    """Return Python's options for a command: without site, unless it imports third-party packages."""
    return ("-P",) if command in ("aws", "docker") else ("-I", "-S")


def check_profile(response: Any) -> None:
    """Raise InvalidParameterValue for an instance profile that does not exist."""
    arn, name = (response._get_param(f"IamInstanceProfile.{key}") for key in ("Arn", "Name"))
    named = global_arn("iam", response.region, response.current_account, f"instance-profile/{name}")
    for key, value, profile in (("ARN", arn, arn), ("name", name, named)):
        if value and not instance_profile_exists(profile):
            raise EC2ClientError(
                "InvalidParameterValue",
                f"Value ({value}) for parameter iamInstanceProfile.{key.lower()} is invalid. "
                f"Invalid IAM Instance Profile {key}",
            )


def _as_text(parameters: Any) -> str:
    return json.dumps(parameters, sort_keys=True, default=str)


def _groups(interface: Any) -> list[str]:
    return [group.id if hasattr(group, "id") else str(group) for group in interface.group_set]
