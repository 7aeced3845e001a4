"""Executions of the state machines: start, status, failure, and console URL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.sessions.session import partition_of

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_stepfunctions import SFNClient

# A redrive that was requested but has not begun counts as running.
_ALIVE = {"RUNNING", "PENDING_REDRIVE"}


def execution_arn(state_machine_arn: str, name: str) -> str:
    """Return the ARN of an execution by its state machine's ARN and its name."""
    return f"{state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


def ended_as(client: SFNClient, execution: str) -> str | None:
    """Return how an execution ended (FAILED, TIMED_OUT, ABORTED, SUCCEEDED), None while it runs.

    Returns `MISSING` for an execution that Step Functions does not have.
    """
    try:
        status = client.describe_execution(executionArn=execution)["status"]
    except ClientError as error:
        if code_of(error) == "ExecutionDoesNotExist":
            return "MISSING"
        raise
    return None if status in _ALIVE else status


def way_out(ended: str, policy: str) -> str:
    """Return the fix for a session whose execution ended without closing it."""
    again = f"run the policy {policy} again"
    return again if ended in ("MISSING", "SUCCEEDED") else f"redrive it, or {again}"


def start(client: SFNClient, state_machine_arn: str, name: str | None, request: Mapping[str, object]) -> str:
    """Start an execution and return its ARN. If `name` is None, Step Functions chooses the name."""
    text = json.dumps(request)
    if name is None:
        return client.start_execution(stateMachineArn=state_machine_arn, input=text)["executionArn"]
    return client.start_execution(stateMachineArn=state_machine_arn, name=name, input=text)["executionArn"]


def failure_of(client: SFNClient, execution: str) -> str | None:
    """Return the message of an execution's failure; None if there is none."""
    answer = client.describe_execution(executionArn=execution)
    cause = answer.get("cause")
    try:
        fields = json.loads(cause or "")
    except ValueError:
        return cause or answer.get("error")
    # A Lambda function's error message is inside JSON. Source: Lambda, function errors.
    return str(fields["errorMessage"]) if isinstance(fields, dict) and "errorMessage" in fields else cause


def output_of(client: SFNClient, execution: str) -> dict[str, int]:
    """Return the numbers that a successful execution reports."""
    output: dict[str, int] = json.loads(client.describe_execution(executionArn=execution)["output"])
    return output


_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-eusc": "console.amazonaws-eusc.eu",
}  # those of the isolated partitions are not public
# Endpoints of every partition, including interface endpoints in a VPC and dual-stack endpoints.
_AWS_DOMAINS = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
)


_PARTS_OF_AN_ARN = 8  # of an execution, separated by colons


def console(region: str) -> str:
    """Return the URL of the AWS console of a Region."""
    return f"https://{region}.{_CONSOLES.get(partition_of(region), _CONSOLES['aws'])}"


def dashboard_url(client: BaseClient, region: str, deployment: str) -> str | None:
    """Return the URL of the deployment's dashboard; None if the endpoint of any client is not AWS's."""
    asked = urlsplit(client.meta.endpoint_url).hostname or ""
    path = f"cloudwatch/home?region={region}#dashboards:name={deployment}"
    return f"{console(region)}/{path}" if asked.endswith(_AWS_DOMAINS) else None


def console_url(client: BaseClient, execution: str) -> str | None:
    """Return the URL of an execution in the AWS console; None if the endpoint of any client is not AWS's.

    For any other endpoint (AWS_ENDPOINT_URL) the console does not show the execution. Also None for text that
    is not the ARN of an execution: a message without a link is better than none.
    """
    asked = urlsplit(client.meta.endpoint_url).hostname or ""
    parts = execution.split(":")
    if not asked.endswith(_AWS_DOMAINS) or len(parts) < _PARTS_OF_AN_ARN:
        return None
    region = parts[3]
    return f"{console(region)}/states/home?region={region}#/v2/executions/details/{execution}"
