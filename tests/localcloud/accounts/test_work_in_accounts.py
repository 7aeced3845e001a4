"""Functions, state machines, schedules, rules and stacks work in each account with its own roles."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud, NotDeployed
from tests.localcloud.accounts.conftest import (
    BACKUP,
    BY_RESOURCE,
    EVERYTHING,
    MANAGEMENT,
    PRODUCTION,
    REGION,
    allow,
    denied,
    policy,
    role,
    session_client,
    trusting,
    unique,
)
from tests.localcloud.function_code import zipped
from tests.localcloud.test_deploy import TRUST, assembly

pytestmark = pytest.mark.cloud

WHO = """
import boto3
def handler(event, context):
    return boto3.client("sts").get_caller_identity()["Arn"]
"""


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def function(
    cloud: LocalCloud, account: str, *statements: dict[str, Any], code: str = WHO
) -> tuple[str, str]:
    """Create a function; return its ARN and the name of its role."""
    own = role(cloud, account, *statements)
    made = (
        cloud.account(account)
        .client("lambda")
        .create_function(
            FunctionName=unique("function"),
            Runtime="python3.13",
            Role=own.arn,
            Handler="code.handler",
            Timeout=30,
            Code={"ZipFile": zipped({"code.py": code})},
        )
    )
    return made["FunctionArn"], own.name


def machine(cloud: LocalCloud, account: str, role_arn: str, state: dict[str, Any]) -> str:
    made = (
        cloud.account(account)
        .client("stepfunctions")
        .create_state_machine(
            name=unique("machine"),
            roleArn=role_arn,
            definition=json.dumps(
                {
                    "QueryLanguage": "JSONata",
                    "StartAt": "Only",
                    "States": {"Only": {"Type": "Task", "End": True, **state}},
                }
            ),
        )
    )
    arn: str = made["stateMachineArn"]
    return arn


def ended(cloud: LocalCloud, account: str, execution: str) -> dict[str, Any]:
    states = cloud.account(account).client("stepfunctions")

    def described() -> dict[str, Any] | None:
        found: dict[str, Any] = states.describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    found: dict[str, Any] = until(described)
    return found


class TestFunctions:
    def test_a_function_calls_as_a_session_of_its_role_in_its_account(self, organization: LocalCloud) -> None:
        arn, own = function(organization, "backup")
        answer = organization.account("backup").client("lambda").invoke(FunctionName=arn)
        name = arn.rpartition(":")[2]
        assert json.load(answer["Payload"]) == f"arn:aws:sts::{BACKUP}:assumed-role/{own}/{name}"
        logs = organization.account("backup").client("logs")
        group = f"/aws/lambda/{name}"
        until(lambda: logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"])
        other = organization.account("production").client("logs")
        assert other.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []

    def test_its_policy_lets_another_account_invoke_it(self, organization: LocalCloud) -> None:
        arn, own = function(organization, "backup")
        functions = role(organization, "production", allow("lambda:InvokeFunction")).client("lambda")
        with denied(BY_RESOURCE, "AccessDeniedException"):
            functions.invoke(FunctionName=arn)
        organization.account("backup").client("lambda").add_permission(
            FunctionName=arn, StatementId="other", Action="lambda:InvokeFunction", Principal=PRODUCTION
        )
        answer = functions.invoke(FunctionName=arn)
        assert json.load(answer["Payload"]).startswith(f"arn:aws:sts::{BACKUP}:assumed-role/{own}/")

    def test_two_accounts_have_functions_of_the_same_name(self, organization: LocalCloud) -> None:
        name, arns = unique("same"), {}
        for account in ("production", "backup"):
            own = role(organization, account)
            functions = organization.account(account).client("lambda")
            functions.create_function(
                FunctionName=name,
                Runtime="python3.13",
                Role=own.arn,
                Handler="code.handler",
                Timeout=30,
                Code={"ZipFile": zipped({"code.py": WHO})},
            )
            arns[account] = json.load(functions.invoke(FunctionName=name)["Payload"])
        assert arns["production"].split(":")[4] == PRODUCTION
        assert arns["backup"].split(":")[4] == BACKUP

    def test_a_role_of_another_account_cannot_be_passed(self, organization: LocalCloud) -> None:
        foreign = role(organization, "backup")
        states = organization.account("production").client("stepfunctions")
        with denied("Cross-account pass role is not allowed", "AccessDeniedException"):
            states.create_state_machine(
                name=unique("machine"),
                roleArn=foreign.arn,
                definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}),
            )


class TestExecutions:
    def test_task_tokens_are_answered_from_the_account_of_the_execution_only(
        self, organization: LocalCloud
    ) -> None:
        """Source: AWS Step Functions Developer Guide, "Wait for a Callback with the Task Token"."""
        queue, account = unique("tokens"), organization.account("production")
        url = account.client("sqs").create_queue(QueueName=queue)["QueueUrl"]
        own = role(organization, "production", EVERYTHING)
        state = {
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Arguments": {"QueueUrl": url, "MessageBody": "{% $states.context.Task.Token %}"},
        }
        arn = machine(organization, "production", own.arn, state)
        started = account.client("stepfunctions").start_execution(stateMachineArn=arn)["executionArn"]
        [message] = until(lambda: account.client("sqs").receive_message(QueueUrl=url).get("Messages"))
        token = message["Body"]

        worker = role(organization, "backup", EVERYTHING)
        states = worker.client("stepfunctions")
        for answer in (
            lambda: states.send_task_heartbeat(taskToken=token),
            lambda: states.send_task_success(taskToken=token, output="1"),
            lambda: states.send_task_failure(taskToken=token),
        ):
            with denied(BY_RESOURCE, "AccessDeniedException"):
                answer()

        callback = role(
            organization, "production", allow("states:SendTask*", arn), trust=trusting(worker.arn)
        )
        keys = worker.client("sts").assume_role(RoleArn=callback.arn, RoleSessionName="worker-1")
        assumed = session_client(organization, "stepfunctions", keys["Credentials"])
        assumed.send_task_heartbeat(taskToken=token)
        assumed.send_task_success(taskToken=token, output='"done"')
        described = ended(organization, "production", started)
        assert (described["status"], json.loads(described["output"])) == ("SUCCEEDED", "done")

    def test_a_task_with_credentials_runs_as_a_role_of_another_account(
        self, organization: LocalCloud
    ) -> None:
        """Source: AWS Step Functions Developer Guide, "Accessing resources in other AWS accounts"."""
        own = role(organization, "production", allow("sts:AssumeRole"))
        target = role(organization, "backup", EVERYTHING, trust=trusting(own.arn))
        state = {
            "Resource": "arn:aws:states:::aws-sdk:sts:getCallerIdentity",
            "Arguments": {},
            "Credentials": {"RoleArn": target.arn},
        }
        arn = machine(organization, "production", own.arn, state)
        states = organization.account("production").client("stepfunctions")
        execution = states.start_execution(stateMachineArn=arn)["executionArn"]
        output = json.loads(ended(organization, "production", execution)["output"])
        assert output["Account"] == BACKUP
        assert f":assumed-role/{target.name}/" in output["Arn"]

        # the external id is the ARN of the state machine
        for external_id, status in ((arn, "SUCCEEDED"), ("other", "FAILED")):
            condition = {"StringEquals": {"sts:ExternalId": external_id}}
            organization.account("backup").client("iam").update_assume_role_policy(
                RoleName=target.name, PolicyDocument=policy(trusting(own.arn, Condition=condition))
            )
            execution = states.start_execution(stateMachineArn=arn)["executionArn"]
            described = ended(organization, "production", execution)
            assert described["status"] == status
        assert f"not authorized to assume the task state's role, {target.arn}" in described["cause"]

    def test_machines_are_listed_in_their_account(self, organization: LocalCloud) -> None:
        own = role(organization, "backup")
        arn = machine(organization, "backup", own.arn, {"Resource": "arn:aws:states:::lambda:invoke"})
        listed = {
            account: [
                one["stateMachineArn"]
                for one in organization.account(account)
                .client("stepfunctions")
                .list_state_machines()["stateMachines"]
            ]
            for account in ("production", "backup")
        }
        assert arn in listed["backup"]
        assert arn not in listed["production"]


def test_a_schedule_fires_in_its_account(organization: LocalCloud) -> None:
    name, account = unique("schedule"), organization.account("backup")
    url = account.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    account.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="cron(0 0 1 1 ? 2199)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": f"arn:aws:sqs:{REGION}:{BACKUP}:{name}",
            "RoleArn": role(organization, "backup", EVERYTHING).arn,
            "Input": "fired",
        },
    )
    organization.fire_schedule(name, account="backup")
    [message] = until(lambda: account.client("sqs").receive_message(QueueUrl=url).get("Messages"))
    assert message["Body"] == "fired"


def test_a_schedule_sends_to_a_queue_of_another_account_that_allows_only_that(
    organization: LocalCloud,
) -> None:
    name, owner = unique("queue"), organization.account("backup")
    url = owner.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{BACKUP}:{name}"
    sender = role(organization, "production", allow("sqs:SendMessage", arn))
    shared = policy(allow("sqs:SendMessage", arn, Principal={"AWS": sender.arn}))
    owner.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": shared})
    organization.account("production").client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="cron(0 0 1 1 ? 2199)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": sender.arn, "Input": "across"},
    )
    organization.fire_schedule(name, account="production")
    [message] = until(lambda: owner.client("sqs").receive_message(QueueUrl=url).get("Messages"))
    assert message["Body"] == "across"


class TestEventsOfServices:
    def terminate(self, cloud: LocalCloud, account: str) -> str:
        ec2 = cloud.account(account).client("ec2")
        launched = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]
        ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
        instance: str = launched["InstanceId"]
        return instance

    def watch(self, cloud: LocalCloud, account: str, target: str | None = None) -> tuple[Any, str]:
        """Send EC2's events to a new queue, or to `target`; return the SQS client and the queue's URL."""
        name, owner = unique("watch"), cloud.account(account)
        sqs, events = owner.client("sqs"), owner.client("events")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        pattern = {"source": ["aws.ec2"], "detail": {"state": ["terminated"]}}
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        arn = target or f"arn:aws:sqs:{REGION}:{owner.id}:{name}"
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
        return sqs, url

    def seen(self, sqs: Any, url: str) -> list[tuple[str, str]]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        events = [json.loads(message["Body"]) for message in messages]
        return [(event["account"], event["detail"]["instance-id"]) for event in events]

    def test_they_arrive_in_the_account_of_the_resource(self, organization: LocalCloud) -> None:
        there, elsewhere = self.watch(organization, "production"), self.watch(organization, "backup")
        instance = self.terminate(organization, "production")
        assert until(lambda: self.seen(*there)) == [(PRODUCTION, instance)]
        mine = self.terminate(organization, "backup")
        assert until(lambda: self.seen(*elsewhere)) == [(BACKUP, mine)]

    def test_they_are_forwarded_to_another_account_whose_bus_allows_it(
        self, organization: LocalCloud
    ) -> None:
        receiver = organization.create_account(unique("receiver"))
        sqs, url = self.watch(organization, receiver.id)
        bus = f"arn:aws:events:{REGION}:{receiver.id}:event-bus/default"
        sender = self.watch(organization, "production")
        self.watch(organization, "production", target=bus)
        refused = self.terminate(organization, "production")
        assert until(lambda: self.seen(*sender)) == [(PRODUCTION, refused)]
        receiver.client("events").put_permission(
            Action="events:PutEvents", Principal=PRODUCTION, StatementId="one"
        )
        instance = self.terminate(organization, "production")
        assert until(lambda: self.seen(sqs, url)) == [(PRODUCTION, instance)]


class TestDeployment:
    def template(self, name: str) -> dict[str, Any]:
        return {
            "Resources": {
                "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
                "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}},
                "Ask": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {
                        "Code": {
                            "S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"},
                            "S3Key": "code.zip",
                        },
                        "Handler": "ask.handler",
                        "Runtime": "python3.13",
                        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    },
                },
            },
            "Outputs": {
                "Account": {"Value": {"Ref": "AWS::AccountId"}},
                "Topic": {"Value": {"Ref": "Topic"}, "Export": {"Name": name}},
                "Ask": {"Value": {"Ref": "Ask"}},
            },
        }

    def test_an_assembly_is_deployed_into_a_chosen_account(
        self, organization: LocalCloud, tmp_path: Path
    ) -> None:
        name, environment = unique("stack"), "aws://unknown-account/unknown-region"
        made = assembly(tmp_path, {name: (environment, self.template(name), [])})
        for account in (organization.account("production"), organization.account("backup")):
            outputs = organization.deploy(made, account=account.name)[name]
            assert outputs["Account"] == account.id
            assert outputs["Topic"] == f"arn:aws:sns:{REGION}:{account.id}:{name}"
            [stack] = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
            assert stack["StackId"].split(":")[4] == account.id
            answer = account.client("lambda").invoke(FunctionName=outputs["Ask"], Payload="{}")
            assert json.load(answer["Payload"]) == {"asked": True}
            exports = account.client("cloudformation").list_exports()["Exports"]
            assert {"Name": name, "Value": outputs["Topic"]} in exports
        with pytest.raises(ClientError, match="does not exist"):
            organization.client("cloudformation").describe_stacks(StackName=name)

    def test_stacks_of_one_assembly_go_to_the_accounts_that_they_name(
        self, organization: LocalCloud, tmp_path: Path
    ) -> None:
        first, second, third = (unique(letter) for letter in "abc")
        made = assembly(
            tmp_path,
            {
                first: (f"aws://{PRODUCTION}/{REGION}", self.template(first), []),
                second: (f"aws://{BACKUP}/eu-west-1", self.template(second), [first]),
                third: ("aws://unknown-account/unknown-region", self.template(third), []),
            },
        )
        outputs = organization.deploy(made)
        assert {name: outputs[name]["Account"] for name in (first, second, third)} == {
            first: PRODUCTION,
            second: BACKUP,
            third: MANAGEMENT,
        }
        assert outputs[second]["Topic"].split(":")[3] == "eu-west-1"

    def test_a_stack_of_an_account_that_does_not_exist_is_refused(
        self, organization: LocalCloud, tmp_path: Path
    ) -> None:
        name = unique("stack")
        made = assembly(tmp_path, {name: (f"aws://333333333333/{REGION}", self.template(name), [])})
        with pytest.raises(NotDeployed, match="333333333333"):
            organization.deploy(made)
