"""EventBridge invokes functions whose policy allows it, and starts state machines with a role."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from localcloud import LocalCloud
from tests.localcloud.function_code import zipped

pytestmark = pytest.mark.cloud

CODE = """
import boto3, json, os
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""


def invoked(cloud: LocalCloud, permission: dict[str, Any] | None) -> bool:
    """Return whether a rule's function is invoked by an event, given its permission for EventBridge."""
    functions, events, sqs = (cloud.client(service) for service in ("lambda", "events", "sqs"))
    name = f"target-{time.time_ns()}"
    role = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="code.handler",
        Timeout=10,
        Code={"ZipFile": zipped({"code.py": CODE})},
        Environment={"Variables": {"QUEUE": queue}},
    )["FunctionArn"]
    pattern = {"source": ["aws.ec2"], "detail": {"state": ["terminated"]}}
    rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    watching = sqs.create_queue(QueueName=f"{name}-watching")["QueueUrl"]
    watcher = sqs.get_queue_attributes(QueueUrl=watching, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    # The queue after the function: when it has the event, the function was invoked or refused.
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}, {"Id": "2", "Arn": watcher}])
    if permission is not None:
        functions.add_permission(
            FunctionName=name,
            StatementId="events",
            **{key: rule if value == "the rule" else value for key, value in permission.items()},
        )
    ec2 = cloud.client("ec2")
    launched = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]
    ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
    assert arrived(sqs, watching, seconds=20)
    got = arrived(sqs, queue, seconds=20 if permission == ALLOWED else 2)
    assert all(message["detail"]["instance-id"] == launched["InstanceId"] for message in got)
    events.remove_targets(Rule=name, Ids=["1", "2"])
    return got != []


def arrived(sqs: Any, queue: str, *, seconds: float) -> list[dict[str, Any]]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        messages = sqs.receive_message(QueueUrl=queue).get("Messages", [])
        if messages:
            return [json.loads(message["Body"]) for message in messages]
        time.sleep(0.1)
    return []


ALLOWED = {
    "Action": "lambda:InvokeFunction",
    "Principal": "events.amazonaws.com",
    "SourceArn": "the rule",
}


@pytest.mark.parametrize(
    ("permission", "granted"),
    [
        (ALLOWED, True),
        (None, False),
        ({**ALLOWED, "SourceArn": "arn:aws:events:eu-central-1:123456789012:rule/another"}, False),
        ({**ALLOWED, "Principal": "scheduler.amazonaws.com"}, False),
    ],
)
def test_a_function_is_invoked_only_with_a_permission_for_the_rule(
    cloud: LocalCloud, permission: dict[str, Any] | None, granted: bool
) -> None:
    assert invoked(cloud, permission) is granted


PASSES = '{"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}'
TRUST = '{"Statement": [{"Effect": "Allow", "Principal": {"Service": "%s"}, "Action": "sts:AssumeRole"}]}'


def inputs_of_started(cloud: LocalCloud, trusted: str | None) -> list[Any]:
    """Return the inputs of the executions that an event starts with a role that a service may assume."""
    states, events, sqs = (cloud.client(service) for service in ("stepfunctions", "events", "sqs"))
    name = f"started-{time.time_ns()}"
    iam = cloud.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST % trusted)["Role"]["Arn"]
    runs = TRUST % "states.amazonaws.com"
    runs_as = iam.create_role(RoleName=f"{name}-machine", AssumeRolePolicyDocument=runs)["Role"]["Arn"]
    machine = states.create_state_machine(name=name, definition=PASSES, roleArn=runs_as)["stateMachineArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.ec2"]}))
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    watcher = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    target = {"Id": "1", "Arn": machine, **({"RoleArn": role} if trusted else {})}
    # The queue after the machine: when it has the event, the machine was started or refused.
    events.put_targets(Rule=name, Targets=[target, {"Id": "2", "Arn": watcher}])
    ec2 = cloud.client("ec2")
    launched = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]
    ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
    assert arrived(sqs, queue, seconds=20)
    events.remove_targets(Rule=name, Ids=["1", "2"])
    found = states.list_executions(stateMachineArn=machine)["executions"]
    return [json.loads(states.describe_execution(executionArn=one["executionArn"])["input"]) for one in found]


def test_a_state_machine_is_started_with_the_event_as_its_input(cloud: LocalCloud) -> None:
    started = inputs_of_started(cloud, "events.amazonaws.com")
    assert started
    assert {event["source"] for event in started} == {"aws.ec2"}


@pytest.mark.parametrize("trusted", ["scheduler.amazonaws.com", None])
def test_a_state_machine_is_not_started_without_a_role_for_eventbridge(
    cloud: LocalCloud, trusted: str | None
) -> None:
    assert inputs_of_started(cloud, trusted) == []
