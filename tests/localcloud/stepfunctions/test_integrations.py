"""State machines on the running local cloud, through boto3."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from localcloud import Fault, LocalCloud

Run = Callable[[dict[str, Any], Any], dict[str, Any]]


@pytest.fixture(scope="module")
def role(cloud: LocalCloud) -> str:
    made = cloud.client("iam").create_role(RoleName="integrations", AssumeRolePolicyDocument="{}")
    return made["Role"]["Arn"]


@pytest.fixture
def run(cloud: LocalCloud, role: str) -> Run:
    """Run a machine of one Task state, or a whole definition, to its end."""
    states = cloud.client("stepfunctions")

    def run(state: dict[str, Any], value: Any = None) -> dict[str, Any]:
        definition = state
        if "StartAt" not in state:
            only = {"Type": "Task", "End": True, **state}
            definition = {"StartAt": "Only", "States": {"Only": only}}
        machine = states.create_state_machine(
            name=f"machine-{time.time_ns()}",
            definition=json.dumps({"QueryLanguage": "JSONata", **definition}),
            roleArn=role,
        )["stateMachineArn"]
        arn = states.start_execution(stateMachineArn=machine, input=json.dumps(value or {}))["executionArn"]
        end = time.monotonic() + 20
        while (described := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < end
            time.sleep(0.02)
        return described

    return run


def output(described: dict[str, Any]) -> Any:
    assert described["status"] == "SUCCEEDED", described
    return json.loads(described["output"])


def test_an_sdk_operation_answers_in_pascal_case_with_iso_times(run: Run, cloud: LocalCloud) -> None:
    cloud.client("backup").create_backup_vault(BackupVaultName="integrations")
    vault = output(
        run(
            {
                "Resource": "arn:aws:states:::aws-sdk:backup:describeBackupVault",
                "Arguments": {"BackupVaultName": "integrations"},
            },
            None,
        )
    )
    assert vault["BackupVaultName"] == "integrations"
    assert vault["CreationDate"].endswith("Z")


def test_lower_case_members_are_pascal_case_too(run: Run, cloud: LocalCloud) -> None:
    cloud.client("ecs").create_cluster(clusterName="integrations")
    answer = output(
        run(
            {
                "Resource": "arn:aws:states:::aws-sdk:ecs:describeClusters",
                "Arguments": {"Clusters": ["integrations"]},
            },
            None,
        )
    )
    assert answer["Clusters"][0]["ClusterName"] == "integrations"


@pytest.mark.parametrize(
    ("resource", "arguments", "error"),
    [
        ("aws-sdk:dynamodb:getItem", {"TableName": "nix", "Key": {}}, "DynamoDb.ResourceNotFoundException"),
        ("dynamodb:getItem", {"TableName": "nix", "Key": {}}, "DynamoDB.ResourceNotFoundException"),
        ("aws-sdk:backup:describeBackupJob", {"BackupJobId": "nix"}, "Backup.ResourceNotFoundException"),
        # AccessDeniedException, as AWS Backup answers for a missing vault, is in no model of the operation.
        ("aws-sdk:backup:describeBackupVault", {"BackupVaultName": "nix"}, "Backup.BackupException"),
        (
            "aws-sdk:efs:describeFileSystems",
            {"FileSystemId": "fs-00000000"},
            "Efs.FileSystemNotFoundException",
        ),
        ("aws-sdk:ssm:getParameter", {"Name": "/nix"}, "Ssm.ParameterNotFoundException"),
        (
            "aws-sdk:sfn:describeExecution",
            {"ExecutionArn": "arn:aws:states:eu-central-1:123456789012:execution:a:b"},
            "Sfn.ExecutionDoesNotExistException",
        ),
        ("lambda:invoke", {"FunctionName": "nobody", "Payload": {}}, "Lambda.ResourceNotFoundException"),
    ],
)
def test_errors_are_named_as_aws_names_them(run: Run, resource: str, arguments: Any, error: str) -> None:
    described = run({"Resource": f"arn:aws:states:::{resource}", "Arguments": arguments}, None)
    assert described["error"] == error


def test_a_service_error_of_lambda_is_retried_by_its_name(run: Run, cloud: LocalCloud) -> None:
    cloud.faults.add(
        Fault(
            service="lambda",
            operation="Invoke",
            action="fail",
            error_code="TooManyRequestsException",
            status=429,
            match="throttled-one",
        )
    )
    state = {
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "throttled-one", "Payload": {}},
        "Retry": [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "MaxAttempts": 2}],
    }
    try:
        assert run(state, None)["error"] == "Lambda.TooManyRequestsException"
    finally:
        cloud.faults.clear()
    calls = [one for one in cloud.calls() if one["resource"].endswith("function:throttled-one")]
    assert [one["status"] for one in calls] == [429, 429, 429]


def test_a_nested_execution_gives_its_output_as_json(run: Run, cloud: LocalCloud, role: str) -> None:
    inner = cloud.client("stepfunctions").create_state_machine(
        name="inner",
        definition=json.dumps(
            {
                "QueryLanguage": "JSONata",
                "StartAt": "Which",
                "States": {
                    "Which": {
                        "Type": "Choice",
                        "Choices": [{"Condition": "{% $states.input.fail %}", "Next": "Fail"}],
                        "Default": "Pass",
                    },
                    "Fail": {"Type": "Fail", "Error": "Inner", "Cause": "as asked"},
                    "Pass": {"Type": "Pass", "Output": {"got": "{% $states.input %}"}, "End": True},
                },
            }
        ),
        roleArn=role,
    )["stateMachineArn"]
    state = {
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {
            "StateMachineArn": inner,
            "Input": {"fail": "{% $states.input.fail %}", "n": 1},
            "Name": "{% $states.context.Execution.Name & '-inner' %}",
        },
    }
    answer = output(run(state, {"fail": False}))
    assert answer["Status"] == "SUCCEEDED"
    assert answer["Output"] == {"got": {"fail": False, "n": 1}}
    failed = run(state, {"fail": True})
    assert failed["error"] == "States.TaskFailed"
    cause = json.loads(failed["cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Inner", "as asked")


def test_an_execution_that_exists_is_named_so(run: Run, cloud: LocalCloud, role: str) -> None:
    inner = cloud.client("stepfunctions").create_state_machine(
        name="once",
        definition='{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
        roleArn=role,
    )["stateMachineArn"]
    start = {"StateMachineArn": inner, "Name": "the-one", "Input": {}}
    state = {"Resource": "arn:aws:states:::states:startExecution.sync:2", "Arguments": start}
    output(run(state, None))
    assert run(state, None)["error"] == "StepFunctions.ExecutionAlreadyExistsException"


def test_calls_are_made_as_the_machines_role(run: Run, cloud: LocalCloud, role: str) -> None:
    who = output(run({"Resource": "arn:aws:states:::aws-sdk:sts:getCallerIdentity", "Arguments": {}}, None))
    assert who["Arn"] == "arn:aws:sts::123456789012:assumed-role/integrations/session"


def test_redrive_and_history_through_the_api(cloud: LocalCloud, run: Run) -> None:
    states = cloud.client("stepfunctions")
    failed = run(
        {
            "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter",
            "Arguments": {"Name": "/comes/later"},
            "Output": "{% $states.result.Parameter.Value %}",
        },
        None,
    )
    assert failed["redriveStatus"] == "REDRIVABLE"
    cloud.client("ssm").put_parameter(Name="/comes/later", Value="here", Type="String")
    states.redrive_execution(executionArn=failed["executionArn"])
    while (described := states.describe_execution(executionArn=failed["executionArn"]))[
        "status"
    ] == "RUNNING":
        time.sleep(0.02)
    assert output(described) == "here"
    pages = states.get_paginator("get_execution_history").paginate(
        executionArn=failed["executionArn"], PaginationConfig={"PageSize": 3}
    )
    kinds = [event["type"] for page in pages for event in page["events"]]
    assert kinds.count("TaskStateEntered") == 2
    assert kinds[-1] == "ExecutionSucceeded"
