"""Events of stopped machines fail only the waiting step, once, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from lambdas._handler import Deployment
from tests.aws.account import FS, IMAGE, REGION
from tests.sessions.world import new_session
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.errors import WorkerNotRecorded
from tidemark.sessions.attempts import record_attempt
from tidemark.sessions.indexing import Attempt
from tidemark.sessions.overlap import claim, complete, open_session

INDEX = f"{FS.file_system_id}-20261122T020000Z-0a1b2c"
TASK = f"arn:aws:ecs:{REGION}:123456789012:task/tidemark/1"


@pytest.fixture
def waiting(deployment: Deployment) -> Deployment:
    """An indexing session that waits for the task TASK with the token `token`."""
    now = utc_now()
    open_session(deployment.records, replace(new_session("s"), file_system=FS), now)
    claim(deployment.records, "s", INDEX, now)
    record_attempt(deployment.records, FS, INDEX, Attempt(worker_id=TASK, task_token="token"))
    return deployment


@pytest.fixture
def states(clients: Clients) -> Iterator[Stubber]:
    """A stub of Step Functions, which accepts only expected calls."""
    with Stubber(clients.of("stepfunctions", REGION)) as stub:
        yield stub
        stub.assert_no_pending_responses()


def task_event(**changes: Any) -> dict[str, Any]:
    detail = {
        "taskArn": TASK,
        "startedBy": INDEX,
        "lastStatus": "STOPPED",
        "stopCode": "TaskFailedToStart",
        "stoppedReason": "CannotPullContainerError: i/o timeout",
        "containers": [{"name": "worker"}],
    }
    return {
        "source": "aws.ecs",
        "detail-type": "ECS Task State Change",
        "detail": {**detail, **changes},
    }


def expect(states: Stubber, error: str, words: str) -> None:
    class Cause:
        def __eq__(self, cause: object) -> bool:
            return words in str(cause)

        __hash__ = None  # type: ignore[assignment]  # compared once

    states.add_response("send_task_failure", {}, {"taskToken": "token", "error": error, "cause": Cause()})


def test_the_waiting_step_gets_the_reason(call: Any, waiting: Deployment, states: Stubber) -> None:
    expect(states, "WorkerCannotRun", "could not get its image from ECR")
    assert call("worker_stopped", task_event()) == {"run_id": INDEX, "error": "WorkerCannotRun"}


def test_the_log_omits_the_overrides_of_the_task(
    call: Any, waiting: Deployment, states: Stubber, caplog: pytest.LogCaptureFixture
) -> None:
    expect(states, "WorkerCannotRun", "image")
    caplog.clear()
    environment = [{"name": "TIDEMARK_TASK_TOKEN", "value": "a-secret"}]
    overrides = {"containerOverrides": [{"name": "worker", "environment": environment}]}
    call("worker_stopped", task_event(overrides=overrides))
    logged = [str(vars(record)) for record in caplog.records]
    assert any("stoppedReason" in record for record in logged)
    assert not any("a-secret" in record for record in logged)


@pytest.mark.parametrize(
    "changes",
    [
        {"stopCode": "EssentialContainerExited", "containers": [{"exitCode": 0}]},  # it has sent its result
        {"taskArn": TASK.replace("/1", "/2")},  # the step waits for a successor
        {"startedBy": f"{FS.file_system_id}-20261122T020000Z-ffffff"},  # another index
        {"startedBy": "another"},
        {"startedBy": ""},
    ],
)
def test_a_machine_without_a_waiting_step_is_no_error(
    call: Any, waiting: Deployment, states: Stubber, changes: dict[str, Any]
) -> None:
    event = task_event(**changes)
    assert call("worker_stopped", event)["error"] == ""
    del event["detail"]["startedBy"]
    assert call("worker_stopped", event)["error"] == ""


def test_an_ended_index_waits_for_no_machine(call: Any, waiting: Deployment, states: Stubber) -> None:
    complete(waiting.records, FS, INDEX, {}, utc_now())
    assert call("worker_stopped", task_event())["error"] == ""


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_step_that_has_its_result_keeps_it(
    call: Any, waiting: Deployment, states: Stubber, code: str
) -> None:
    states.add_client_error("send_task_failure", code)
    assert call("worker_stopped", task_event())["error"] == ""


def test_other_errors_of_step_functions_are_retried(call: Any, waiting: Deployment, states: Stubber) -> None:
    states.add_client_error("send_task_failure", "Strange")
    with pytest.raises(ClientError):
        call("worker_stopped", task_event())


def test_a_worker_that_stops_during_its_launch_is_handled_when_the_launch_is_recorded(
    call: Any, waiting: Deployment, states: Stubber
) -> None:
    record_attempt(waiting.records, FS, INDEX, Attempt(worker_id="", task_token="token"))
    with pytest.raises(WorkerNotRecorded):
        call("worker_stopped", task_event())
    record_attempt(waiting.records, FS, INDEX, Attempt(worker_id=TASK, task_token="token"))
    expect(states, "WorkerCannotRun", "image")
    call("worker_stopped", task_event())


def instance_event(instance: str, state: str = "shutting-down") -> dict[str, Any]:
    return {
        "source": "aws.ec2",
        "detail-type": "EC2 Instance State-change Notification",
        "detail": {"instance-id": instance, "state": state},
    }


def run_instance(clients: Clients, **tags: str) -> str:
    made = clients.of("ec2", REGION).run_instances(
        ImageId=IMAGE,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [{"Key": f"tidemark:{key}", "Value": value} for key, value in tags.items()],
            }
        ],
    )
    return made["Instances"][0]["InstanceId"]


def test_an_instance_is_identified_by_its_tags_and_reports_ec2s_reason(
    call: Any, clients: Clients, waiting: Deployment, states: Stubber
) -> None:
    instance = run_instance(clients, deployment="tidemark", index=INDEX)
    record_attempt(waiting.records, FS, INDEX, Attempt(worker_id=instance, task_token="token"))
    clients.of("ec2", REGION).terminate_instances(InstanceIds=[instance])
    expect(states, "WorkerStopped", "Client.UserInitiatedShutdown")
    assert call("worker_stopped", instance_event(instance))["error"] == "WorkerStopped"


def test_other_instances_of_the_account_are_ignored(
    call: Any, clients: Clients, waiting: Deployment, states: Stubber
) -> None:
    foreign = [
        run_instance(clients, other="tag"),
        run_instance(clients, deployment="cellar", index=INDEX),
        "i-0123456789abcdef0",  # no longer described
    ]
    for instance in foreign:
        record_attempt(waiting.records, FS, INDEX, Attempt(worker_id=instance, task_token="token"))
        assert call("worker_stopped", instance_event(instance)) == {"run_id": "", "error": ""}
