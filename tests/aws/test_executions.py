from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.session import get_session
from botocore.stub import Stubber

from tests.aws.account import MACHINES, REGION, the_clients
from tidemark.aws.executions import console_url, ended_as, execution_arn, failure_of, start

ARN = execution_arn(f"{MACHINES}-backup-session", "nightly-1")


@pytest.fixture
def client() -> Any:
    return the_clients().of("stepfunctions", REGION)


def answers(stub: Stubber, status: str, **more: str) -> None:
    stub.add_response(
        "describe_execution",
        {"executionArn": ARN, "stateMachineArn": MACHINES, "status": status, "startDate": 0, **more},
        {"executionArn": ARN},
    )


def test_an_executions_arn_is_derived_from_its_state_machine() -> None:
    assert f"arn:aws:states:{REGION}:123456789012:execution:tidemark-backup-session:nightly-1" == ARN


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        ("RUNNING", None),
        ("PENDING_REDRIVE", None),
        ("SUCCEEDED", "SUCCEEDED"),
        ("FAILED", "FAILED"),
        ("TIMED_OUT", "TIMED_OUT"),
        ("ABORTED", "ABORTED"),
    ],
)
def test_only_executions_that_can_continue_have_not_ended(
    client: Any, status: str, ended: str | None
) -> None:
    with Stubber(client) as stub:
        answers(stub, status)
        assert ended_as(client, ARN) == ended


def test_an_execution_that_step_functions_does_not_find_is_missing(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("describe_execution", "ExecutionDoesNotExist")
        assert ended_as(client, ARN) == "MISSING"


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ({}, None),
        ({"error": "States.Timeout"}, "States.Timeout"),
        ({"cause": "no room"}, "no room"),
        ({"cause": json.dumps({"errorMessage": "no vault", "errorType": "VaultNotFound"})}, "no vault"),
        ({"cause": "[1]"}, "[1]"),
    ],
)
def test_a_failure_is_reported_with_the_message_of_its_error(
    client: Any, said: Any, failure: str | None
) -> None:
    with Stubber(client) as stub:
        answers(stub, "FAILED", **said)
        assert failure_of(client, ARN) == failure


def test_an_execution_is_started_under_its_name_or_a_generated_one(client: Any) -> None:
    answer = {"executionArn": ARN, "startDate": 0}
    machine = f"{MACHINES}-policy-run"
    with Stubber(client) as stub:
        stub.add_response("start_execution", answer, {"stateMachineArn": machine, "input": '{"policy": "p"}'})
        assert start(client, machine, None, {"policy": "p"}) == ARN
        stub.add_response("start_execution", answer, {"stateMachineArn": machine, "input": "{}", "name": "n"})
        assert start(client, machine, "n", {}) == ARN


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "console.aws.amazon.com"),
        ("cn-north-1", "console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_every_partition_has_its_own_console_url(region: str, host: str) -> None:
    arn = ARN.replace(REGION, region)
    client = get_session().create_client("stepfunctions", region_name=region)
    assert (
        console_url(client, arn)
        == f"https://{region}.{host}/states/home?region={region}#/v2/executions/details/{arn}"
    )


@pytest.mark.parametrize(
    ("endpoint", "is_aws"),
    [
        ("https://vpce-0a-b.states.eu-central-1.vpce.amazonaws.com", True),
        ("https://states.eu-central-1.api.aws", True),
        ("http://127.0.0.1:4566", False),
        ("http://localhost.localstack.cloud:4566", False),
        ("https://states.amazonaws.com.example.org", False),
        ("https://not-amazonaws.com", False),
    ],
)
def test_only_aws_endpoints_have_a_console_url(endpoint: str, is_aws: bool) -> None:
    client = get_session().create_client("stepfunctions", region_name=REGION, endpoint_url=endpoint)
    assert (console_url(client, ARN) is not None) == is_aws
