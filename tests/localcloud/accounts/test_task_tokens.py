"""An answer to a task token needs a permission for its state machine, in the machine's account."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from localcloud import LocalCloud
from tests.localcloud.accounts.conftest import BY_IDENTITY, allow, denied, role, unique

pytestmark = pytest.mark.cloud
ANSWERS = ["states:SendTaskSuccess", "states:SendTaskHeartbeat"]


def waiting(cloud: LocalCloud, account: str) -> tuple[str, str]:
    """Return the ARN of a state machine, and the token for which its execution waits."""
    owner = cloud.account(account)
    sqs, states = owner.client("sqs"), owner.client("stepfunctions")
    queue = sqs.create_queue(QueueName=unique("tokens"))["QueueUrl"]
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": queue, "MessageBody": "{% $states.context.Task.Token %}"},
        "End": True,
    }
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    machine = states.create_state_machine(
        name=unique("machine"),
        definition=json.dumps({"QueryLanguage": "JSONata", "StartAt": "Send", "States": {"Send": send}}),
        roleArn=role(cloud, account, allow("*"), trust=trust).arn,
    )["stateMachineArn"]
    states.start_execution(stateMachineArn=machine)
    end = time.monotonic() + 30
    while not (found := sqs.receive_message(QueueUrl=queue).get("Messages")):
        assert time.monotonic() < end
        time.sleep(0.05)
    return machine, found[0]["Body"]


def test_a_role_answers_the_state_machines_of_its_policies(organization: LocalCloud) -> None:
    machine, token = waiting(organization, "production")
    other = machine.rpartition(":")[0] + ":other"
    for granted in ([], [allow(ANSWERS, other)]):
        client: Any = role(organization, "production", *granted).client("stepfunctions")
        with denied(f"{BY_IDENTITY} states:SendTaskSuccess", "AccessDeniedException"):
            client.send_task_success(taskToken=token, output="{}")
    permitted = role(organization, "production", allow(ANSWERS, machine)).client("stepfunctions")
    permitted.send_task_heartbeat(taskToken=token)
    permitted.send_task_success(taskToken=token, output="{}")


def test_a_role_of_another_account_answers_nothing(organization: LocalCloud) -> None:
    machine, token = waiting(organization, "production")
    client = role(organization, "backup", allow(ANSWERS, machine)).client("stepfunctions")
    with denied("states:SendTaskSuccess", "AccessDeniedException"):
        client.send_task_success(taskToken=token, output="{}")
