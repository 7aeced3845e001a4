from __future__ import annotations

import json
import time
from typing import Any

import pytest

from localcloud import Fault, LocalCloud


@pytest.fixture
def role(cloud: LocalCloud) -> str:
    name = f"scheduler-{time.time_ns()}"
    made = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    return made["Role"]["Arn"]


@pytest.fixture
def machine(cloud: LocalCloud, role: str) -> str:
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Only",
        "States": {"Only": {"Type": "Succeed"}},
    }
    return cloud.client("stepfunctions").create_state_machine(
        name=f"scheduled-{time.time_ns()}", definition=json.dumps(definition), roleArn=role
    )["stateMachineArn"]


def schedule(cloud: LocalCloud, expression: str, target: dict[str, Any]) -> str:
    name = f"schedule-{time.time_ns()}"
    cloud.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
    )
    return name


def executions(cloud: LocalCloud, machine: str, seconds: float = 10) -> list[dict[str, Any]]:
    states = cloud.client("stepfunctions")
    end = time.monotonic() + seconds
    while not (found := states.list_executions(stateMachineArn=machine)["executions"]):
        assert time.monotonic() < end
        time.sleep(0.05)
    return [states.describe_execution(executionArn=one["executionArn"]) for one in found]


def test_a_schedule_starts_its_machine_by_itself(cloud: LocalCloud, role: str, machine: str) -> None:
    text = '{"at": "<aws.scheduler.scheduled-time>", "try": "<aws.scheduler.attempt-number>"}'
    schedule(cloud, "rate(1 minute)", {"Arn": machine, "RoleArn": role, "Input": text})
    given = json.loads(executions(cloud, machine)[0]["input"])
    assert given["try"] == "1"
    assert time.strptime(given["at"], "%Y-%m-%dT%H:%M:%SZ")


def test_a_schedule_can_be_fired_now(cloud: LocalCloud, role: str, machine: str) -> None:
    name = schedule(cloud, "cron(0 0 1 1 ? 2199)", {"Arn": machine, "RoleArn": role})
    cloud.fire_schedule(name)
    assert executions(cloud, machine)[0]["input"] == "{}"
    [call] = [one for one in cloud.calls() if one["resource"] == machine and one["principal"] == role]
    assert call["action"] == "states:StartExecution"


def test_a_universal_target_is_any_operation(cloud: LocalCloud, role: str) -> None:
    name = schedule(
        cloud,
        "cron(0 0 1 1 ? 2199)",
        {
            "Arn": "arn:aws:scheduler:::aws-sdk:ssm:putParameter",
            "RoleArn": role,
            "Input": '{"Name": "/scheduled", "Value": "yes", "Type": "String"}',
        },
    )
    cloud.fire_schedule(name)
    assert cloud.client("ssm").get_parameter(Name="/scheduled")["Parameter"]["Value"] == "yes"


def test_a_call_that_keeps_failing_ends_in_the_dead_letter_queue(
    cloud: LocalCloud, role: str, machine: str
) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="dead-schedules")["QueueUrl"]
    name = schedule(
        cloud,
        "cron(0 0 1 1 ? 2199)",
        {
            "Arn": machine,
            "RoleArn": role,
            "Input": '{"a": 1}',
            "RetryPolicy": {"MaximumRetryAttempts": 1},
            "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-central-1:123456789012:dead-schedules"},
        },
    )
    cloud.faults.add(Fault(service="stepfunctions", operation="StartExecution", action="throttle"))
    try:
        cloud.fire_schedule(name)
    finally:
        cloud.faults.clear()
    [message] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(message["Body"]) == {"a": 1}
    attributes = {key: one["StringValue"] for key, one in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "ThrottlingException"
    assert attributes["TARGET_ARN"] == machine


def test_a_schedule_that_does_not_exist_cannot_be_fired(cloud: LocalCloud) -> None:
    from urllib.error import HTTPError

    with pytest.raises(HTTPError) as refused:
        cloud.fire_schedule("nobody")
    assert "no schedule nobody" in refused.value.read().decode()
