"""From the reasons of ECS and EC2 to the error of the session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tidemark.aws.stopped_workers import instance_error, task_error
from tidemark.errors import TidemarkError, WorkerCannotRun, WorkerNotLaunched, WorkerStopped

# The documented examples, cut short. Source: Amazon ECS Developer Guide, "Stopped tasks error messages".
PULL = "CannotPullContainerError: ref pull has been retried 1 time(s): failed to resolve ref: i/o timeout"
AUTH = "ResourceInitializationError: unable to pull secrets or registry auth: There is a connection issue"
MOUNT = (
    "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: b'...'"
)
LOGGER = "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times"
ROLE = "ECS was unable to assume the role 'arn:aws:iam::1:role/x' that was provided for this task."
EXITED = "Essential container in task exited"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
MACHINE = Path(__file__).parents[2] / "tidemark" / "workflows" / "indexing-session.asl.json"


def error_of(stop_code: str, reason: str, *containers: dict[str, Any]) -> TidemarkError | None:
    return task_error(
        "index-1",
        {
            "taskArn": "arn:task",
            "stopCode": stop_code,
            "stoppedReason": reason,
            "containers": list(containers) or [{}],  # type: ignore[typeddict-item]  # as ECS writes them
        },
    )


@pytest.mark.parametrize(
    ("stop_code", "reason", "container", "error", "words"),
    [
        ("TaskFailedToStart", PULL, {}, WorkerCannotRun, "could not get its image from ECR"),
        ("TaskFailedToStart", AUTH, {}, WorkerCannotRun, "could not get its image from ECR"),
        ("TaskFailedToStart", MOUNT, {}, WorkerCannotRun, "port 2049"),
        ("TaskFailedToStart", LOGGER, {}, WorkerCannotRun, "could not write its log"),
        ("TaskFailedToStart", ROLE, {}, WorkerCannotRun, "unable to assume the role"),
        ("TaskFailedToStart", "Capacity is unavailable at this time", {}, WorkerNotLaunched, "another zone"),
        ("TaskFailedToStart", "", {}, WorkerCannotRun, "no reason given"),
        ("EssentialContainerExited", EXITED, {"exitCode": 137}, WorkerStopped, "SIGKILL (exit code 137"),
        ("EssentialContainerExited", EXITED, {"exitCode": 143}, WorkerStopped, "SIGTERM"),
        ("EssentialContainerExited", EXITED, {"exitCode": 139}, WorkerCannotRun, "SIGSEGV"),
        ("EssentialContainerExited", EXITED, {"exitCode": 1}, WorkerCannotRun, "exit code 1 "),
        (
            "EssentialContainerExited",
            EXITED,
            {"exitCode": 137, "reason": OUT_OF_MEMORY},
            WorkerCannotRun,
            "raise worker.memory",
        ),
        ("SpotInterruption", "Your Spot Task was interrupted.", {"exitCode": 137}, WorkerStopped, "its host"),
        ("InfrastructureHealth", "x", {}, WorkerStopped, "its host"),
        ("UserInitiated", "Task stopped by user", {"exitCode": 46}, WorkerStopped, "Task stopped by user"),
        ("UserInitiated", "Task stopped by user", {}, WorkerStopped, "Task stopped by user"),
    ],
)
def test_the_reason_is_named_with_the_next_step(
    stop_code: str, reason: str, container: dict[str, Any], error: type[TidemarkError], words: str
) -> None:
    found = error_of(stop_code, reason, container)
    assert type(found) is error
    assert words in str(found)
    assert reason in str(found), "AWS's own words, to look them up by"
    assert "index-1" in str(found)


def test_a_worker_that_ends_with_code_0_has_no_error() -> None:
    assert error_of("EssentialContainerExited", EXITED, {"exitCode": 0}) is None


def test_an_event_without_optional_members_gives_a_readable_error() -> None:
    assert "no reason given" in str(task_error("index-1", {"taskArn": "arn:task"}))


@pytest.mark.parametrize(
    ("code", "message", "error", "words"),
    [
        (
            "Client.InstanceInitiatedShutdown",
            "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
            WorkerCannotRun,
            "console output",
        ),
        ("Client.UserInitiatedShutdown", "User initiated shutdown", WorkerStopped, "User initiated shutdown"),
        ("Server.SpotInstanceTermination", "Spot instance termination", WorkerStopped, "lost its instance"),
        (
            "Server.ScheduledStop",
            "Stopped due to scheduled retirement",
            WorkerStopped,
            "scheduled retirement",
        ),
        ("Server.InsufficientInstanceCapacity", "no capacity", WorkerNotLaunched, "instance_type"),
        ("Client.InternalError", "Client error on launch", WorkerCannotRun, "Client error on launch"),
        ("Client.VolumeLimitExceeded", "Volume limit exceeded", WorkerCannotRun, "Volume limit exceeded"),
        ("", "", WorkerCannotRun, "no reason given"),
    ],
)
def test_ec2s_reason_is_named(code: str, message: str, error: type[TidemarkError], words: str) -> None:
    found = instance_error("index-1", code, message)
    assert type(found) is error
    assert words in str(found)
    assert str(found).count(code) <= 1 or not code, "the code once, although the message repeats it"


def test_only_causes_that_another_attempt_may_not_meet_are_retried() -> None:
    retries = json.loads(MACHINE.read_text())["States"]["Launch worker"]["Retry"]
    retried = {name for retry in retries for name in retry["ErrorEquals"]}
    assert {"WorkerStopped", "WorkerNotLaunched"} <= retried
    assert not {"WorkerCannotRun", "States.ALL", "States.TaskFailed"} & retried
