"""Executions of the state machines: whether one runs, and where to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of

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


def console_url(execution: str) -> str:
    """Return the address of an execution in the AWS console."""
    region = execution.split(":")[3]
    return f"https://{region}.console.aws.amazon.com/states/home?region={region}#/v2/executions/details/{execution}"
