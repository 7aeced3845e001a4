"""Converts the stop reasons that ECS and EC2 report into the error of the indexing session.

The error class determines what the state machine does: WorkerStopped and WorkerNotLaunched are retried,
because another machine may succeed; WorkerCannotRun is not, because every attempt would end the same way.
Source: Amazon ECS Developer Guide, "Stopped tasks error messages", "Task state change events", TaskStopCode;
EC2 API Reference, StateReason.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import NotRequired, TypedDict

from tidemark.errors import TidemarkError, WorkerCannotRun, WorkerNotLaunched, WorkerStopped

_LEAST_SIGNAL = 128  # a higher exit code is this plus a signal number
# Signals from outside the process; SIGSEGV and similar ones are caused by the process itself.
_SENT_SIGNALS = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
# Fargate accepted the task but found no capacity, or its network interface was late.
_NO_PLACE = ("Capacity is unavailable", "Timeout waiting for network interface", "InternalError")
_TAKEN_AWAY = {"SpotInterruption", "TerminationNotice", "InfrastructureHealth", "ServiceSchedulerInitiated"}
_EC2_TAKEN_AWAY = (
    "Server.SpotInstance",
    "Server.ScheduledStop",
    "Server.InternalError",
    "Client.UserInitiated",
)
_NETWORK = (
    "its subnet needs a route through a NAT gateway, or VPC endpoints for ECR (api and dkr), S3, CloudWatch "
    "Logs and Step Functions; check that, and that the image is still in the repository, then rerun the "
    "session"
)
_MOUNT = (
    "the mount target must allow the worker's security group on port 2049, the VPC must resolve DNS names, "
    "and the file system's policy must allow the worker's role to mount; fix that, then rerun the session"
)


class StoppedContainer(TypedDict):
    """A container of a stopped task; only the fields read here."""

    exitCode: NotRequired[int]  # absent if the container never ran
    reason: NotRequired[str]


class StoppedTask(TypedDict):
    """The detail of ECS's task state change event; only the fields read here."""

    taskArn: str
    stopCode: NotRequired[str]
    stoppedReason: NotRequired[str]
    containers: NotRequired[Sequence[StoppedContainer]]


def task_error(run: str, task: StoppedTask) -> TidemarkError | None:
    """Return why the task ended without an answer; None if its worker ended with exit code 0.

    `run` names the worker's run in messages, such as `index fs-...`.
    """
    worker = f"the worker of {run}"
    containers = task.get("containers", ())
    reasons = [task.get("stoppedReason", ""), *(container.get("reason", "") for container in containers)]
    said = (
        ": ".join(dict.fromkeys(reason.strip() for reason in reasons if reason.strip())) or "no reason given"
    )
    codes = [container["exitCode"] for container in containers if "exitCode" in container]
    stop_code = task.get("stopCode", "")
    if "OutOfMemory" in said:
        return WorkerCannotRun(
            f"{worker} ran out of memory ({said}); raise worker.memory in tidemark.yaml, deploy again and "
            f"rerun the session"
        )
    if stop_code == "TaskFailedToStart" or not codes:
        return _not_started(worker, stop_code, said)
    if stop_code in _TAKEN_AWAY:
        return WorkerStopped(f"{worker} lost its host ({stop_code}: {said}); rerun the session")
    if stop_code == "UserInitiated":
        return WorkerStopped(f"{worker} was stopped by StopTask ({said}); rerun the session")
    return _exited(worker, max(codes), said)


def _not_started(worker: str, stop_code: str, said: str) -> TidemarkError:
    if any(words in said for words in _NO_PLACE):
        return WorkerNotLaunched(
            f"Fargate accepted {worker} but could not place it ({said}); it is retried; "
            f"if the problem persists, name a subnet in another zone in tidemark.yaml"
        )
    if stop_code in _TAKEN_AWAY:
        return WorkerStopped(f"{worker} lost its host ({stop_code}: {said}); rerun the session")
    if stop_code == "UserInitiated":
        return WorkerStopped(f"{worker} was stopped by StopTask before it ran ({said}); rerun the session")
    if "CannotPullContainer" in said or "registry auth" in said:
        return WorkerCannotRun(f"{worker} could not get its image from ECR ({said}); {_NETWORK}")
    if "EFS" in said:
        return WorkerCannotRun(f"{worker} could not mount its file system ({said}); {_MOUNT}")
    if "logger" in said or "log stream" in said or "logging driver" in said:
        return WorkerCannotRun(
            f"{worker} could not write its log ({said}); it needs the deployment's log group and a route to "
            f"CloudWatch Logs (NAT gateway or VPC endpoint); fix that, or deploy again, then rerun the "
            "session"
        )
    return WorkerCannotRun(
        f"{worker} did not start ({stop_code or 'no stop code'}: {said}); see Amazon ECS, Stopped tasks "
        f"error messages, for the cause, then rerun the session"
    )


def _exited(worker: str, code: int, said: str) -> TidemarkError | None:
    if code == 0:
        return None
    number = code - _LEAST_SIGNAL
    if number in {one.value for one in signal.Signals}:
        name = signal.Signals(number).name
        words = f"{worker} was terminated by signal {name} (exit code {code}; {said})"
        if number in _SENT_SIGNALS:
            return WorkerStopped(f"{words}; rerun the session, with more worker.memory if it happens again")
        return WorkerCannotRun(f"{words}; see the worker's log, and report the defect")
    return WorkerCannotRun(
        f"{worker} ended with exit code {code} and could not report why ({said}); see the worker's log; "
        f"if it is empty or full of timeouts, {_NETWORK}"
    )


def instance_error(run: str, code: str, message: str) -> TidemarkError:
    """Return why the instance ended; `code` and `message` are its StateReason.

    The instance's script answers before it shuts down, so a shutdown by the instance itself is an error only
    if no answer arrived.
    """
    worker = f"the worker of {run}"
    said = (
        message
        if code and message.startswith(code)
        else f"{code}: {message}".strip(": ") or "no reason given"
    )
    if code == "Server.InsufficientInstanceCapacity":
        return WorkerNotLaunched(
            f"EC2 had no capacity for {worker} after all ({said}); it is retried; if the problem persists, "
            f"choose another instance_type in tidemark.yaml"
        )
    if code.startswith(_EC2_TAKEN_AWAY):
        return WorkerStopped(f"{worker} lost its instance ({said}); rerun the session")
    if code == "Client.InstanceInitiatedShutdown":
        return WorkerCannotRun(
            f"{worker} shut down its instance, but no answer arrived ({said}); {_NETWORK}; the "
            f"instance's console output has the details"
        )
    return WorkerCannotRun(
        f"{worker} did not get its instance ({said}); see Amazon EC2, Troubleshoot instance launch issues, "
        f"then rerun the session"
    )
