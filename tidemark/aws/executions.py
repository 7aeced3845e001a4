"""Executions of the state machines: started, asked about, and where to see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.sessions.session import partition_of

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# A redrive that has been asked for and not begun is as good as running.
_ALIVE = {"RUNNING", "PENDING_REDRIVE"}


def execution_arn(state_machine_arn: str, name: str) -> str:
    """Return the ARN of an execution by its state machine's ARN and its name."""
    return f"{state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


def ended_as(client: SFNClient, execution: str) -> str | None:
    """Return how an execution ended (FAILED, TIMED_OUT, ABORTED, SUCCEEDED), None while it runs.

    One that Step Functions does not know, or no longer, is `MISSING`.
    """
    try:
        status = client.describe_execution(executionArn=execution)["status"]
    except ClientError as error:
        if code_of(error) == "ExecutionDoesNotExist":
            return "MISSING"
        raise
    return None if status in _ALIVE else status


def way_out(ended: str, policy: str) -> str:
    """Return what to do about a session of a policy whose execution ended without closing it."""
    again = f"run the policy {policy} again"
    return again if ended in ("MISSING", "SUCCEEDED") else f"redrive it, or {again}"


def start(client: SFNClient, state_machine_arn: str, name: str | None, request: Mapping[str, str]) -> str:
    """Start an execution, under a name of Step Functions' choice if none is given; return its ARN."""
    text = json.dumps(request)
    if name is None:
        return client.start_execution(stateMachineArn=state_machine_arn, input=text)["executionArn"]
    return client.start_execution(stateMachineArn=state_machine_arn, name=name, input=text)["executionArn"]


def failure_of(client: SFNClient, execution: str) -> str | None:
    """Return why an execution failed, in the words of whatever raised it; None if it said nothing."""
    answer = client.describe_execution(executionArn=execution)
    cause = answer.get("cause")
    try:
        fields = json.loads(cause or "")
    except ValueError:
        return cause or answer.get("error")
    # A function that raised puts its message into JSON. Source: Lambda, function errors.
    return str(fields["errorMessage"]) if isinstance(fields, dict) and "errorMessage" in fields else cause


_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-eusc": "console.amazonaws-eusc.eu",
}  # the isolated partitions' are not public
# Of every partition, interface endpoints in a VPC and dual-stack endpoints included.
_AWS_DOMAINS = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
)


def console(region: str) -> str:
    """Return the address of the AWS console of a Region."""
    return f"https://{region}.{_CONSOLES.get(partition_of(region), _CONSOLES['aws'])}"


def console_url(client: SFNClient, execution: str) -> str | None:
    """Return the address of an execution in the AWS console; None where the client does not ask AWS.

    The client's own endpoint tells: any other host (AWS_ENDPOINT_URL) has no console there.
    """
    asked = urlsplit(client.meta.endpoint_url).hostname or ""
    if not asked.endswith(_AWS_DOMAINS):
        return None
    region = execution.split(":")[3]
    return f"{console(region)}/states/home?region={region}#/v2/executions/details/{execution}"
