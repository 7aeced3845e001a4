"""EventBridge invokes a function only where the function's policy lets it."""

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
