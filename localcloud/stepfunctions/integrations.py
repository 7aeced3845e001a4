"""Integrations of Task states: optimized ones and AWS SDK operations.

Source: Step Functions developer guide, "Integrating services with Step Functions".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.any_operation import SDK_SERVICES, NoSuchOperation, call_as_json, from_response
from localcloud.core.role_clients import Clients
from localcloud.stepfunctions.failures import StateFailed
from localcloud.stepfunctions.history import as_json
from localcloud.stepfunctions.signals import Ended, Signal

CALLBACK, SYNC, SYNC2 = "waitForTaskToken", "sync", "sync:2"
POLL_SECONDS = 0.25  # real seconds
# Service names of the Java SDK, the prefix of aws-sdk errors; default: the capitalized name.
SDK_ERROR_NAMES = {
    "dynamodb": "DynamoDb",
    "cloudwatchlogs": "CloudWatchLogs",
    "cloudwatch": "CloudWatch",
    "eventbridge": "EventBridge",
    "cloudformation": "CloudFormation",
}
OPTIMIZED_ERROR_NAMES = {
    "states": "StepFunctions",
    "dynamodb": "DynamoDB",
    "ecs": "ECS",
    "sns": "SNS",
    "sqs": "SQS",
    "events": "EventBridge",
    "lambda": "Lambda",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """The parsed Resource of a Task state."""

    service: str  # as in the history's resourceType: lambda, states, aws-sdk:dynamodb
    action: str  # as in the history's resource: invoke, startExecution.sync:2
    operation: str  # invoke, startExecution
    pattern: str | None  # waitForTaskToken, sync, sync:2, None
    function: str | None = None  # a Lambda function's ARN used as the Resource

    @classmethod
    def parse(cls, arn: str, partition: str = "aws") -> Resource:
        """Parse a Resource field; raises ValueError for a partition other than `partition`."""
        found = re.match(r"arn:([\w-]+):", arn)
        if found and found.group(1) != partition:
            raise ValueError(f"{arn} is not in the partition {partition} of the state machine")
        if re.match(r"arn:[\w-]+:lambda:[^:]*:\d+:function:", arn):
            return cls(service="lambda", action="invoke", operation="invoke", pattern=None, function=arn)
        found = re.fullmatch(
            r"arn:[\w-]+:states:[^:]*:[^:]*:((?:aws-sdk:)?[\w-]+):(\w+)(?:\.(waitForTaskToken|sync:2|sync))?",
            arn,
        )
        if not found:
            raise ValueError(f"the local cloud does not support the resource {arn}")
        service, operation, pattern = found.groups()
        action = f"{operation}.{pattern}" if pattern else operation
        return cls(service=service, action=action, operation=operation, pattern=pattern)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumes:
    """The role in a Task's Credentials, which the state machine's role assumes for the task.

    The external id is the ARN of the state machine. Source: AWS Step Functions Developer Guide, "Accessing
    resources in other AWS accounts in Step Functions". Assumed, because it is not documented: the name of the
    session, and the error of a role that cannot be assumed.
    """

    role_arn: str
    machine_arn: str


class Integrations:
    """Calls services with the state machine's role."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def call(
        self,
        resource: Resource,
        arguments: Any,  # JSON
        *,
        region: str,
        role_arn: str,
        assumes: Assumes | None = None,
        signal: Signal,
        submitted: Callable[[Any], None],
    ) -> Any:  # JSON
        """Return the integration's result as JSON; raises StateFailed with AWS's error name.

        Calls `submitted` with the response to a request whose completion the state waits for.
        """
        if resource.function:
            arguments = {"FunctionName": resource.function, "Payload": arguments}
        sdk = resource.service.removeprefix("aws-sdk:")
        client = self._client(SDK_SERVICES.get(sdk, sdk), region, role_arn, assumes)
        try:
            answer = call_as_json(client, resource.operation, arguments)
        except ClientError as error:
            raise StateFailed(_error_name(resource, client, error), _error_cause(resource, error)) from error
        except (BotoCoreError, NoSuchOperation) as error:  # the parameters do not fit the operation
            raise StateFailed("States.Runtime", str(error)) from error
        match resource.service, resource.pattern:
            case "lambda", _:
                answer = _function_result(answer)
                return answer["Payload"] if resource.function else answer
            case "states", "sync" | "sync:2":
                submitted(answer)
                return _await_execution(client, answer["ExecutionArn"], resource.pattern == SYNC2, signal)
            case "ecs", "sync":
                submitted(answer)
                return _await_task(client, arguments, answer, signal)
        return answer

    def _client(
        self, service: str, region: str, role_arn: str, assumes: Assumes | None
    ) -> Any:  # any service's
        if assumes is None:
            return self._clients.get(service, region, role_arn)
        name = assumes.machine_arn.rpartition(":")[2]
        try:
            return self._clients.assumed(
                service,
                region,
                role_arn,
                assumes.role_arn,
                session=name,
                external_id=assumes.machine_arn,
            )
        except ClientError as error:
            raise StateFailed(
                "States.TaskFailed",
                f"The role {role_arn} is not authorized to assume the task state's role, {assumes.role_arn}.",
            ) from error


def _function_result(answer: dict[str, Any]) -> dict[str, Any]:
    payload = answer.get("Payload", "")
    with suppress(ValueError):  # else the payload is text
        payload = json.loads(payload)
    if answer.get("FunctionError"):
        error = payload.get("errorType") if isinstance(payload, dict) else None
        raise StateFailed(error or "Exception", as_json(payload))
    return {**answer, "Payload": payload}


def _error_name(resource: Resource, client: Any, error: ClientError) -> str:  # any service's
    code = error.response["Error"]["Code"]
    if resource.service.startswith("aws-sdk:"):
        sdk = resource.service.removeprefix("aws-sdk:").lower()
        service = SDK_ERROR_NAMES.get(sdk, sdk.capitalize())
        modelled = code in {shape.name for shape in client.meta.service_model.error_shapes}
        code = code if modelled else service
    else:
        service = OPTIMIZED_ERROR_NAMES.get(resource.service, resource.service.capitalize())
    return f"{service}.{code}" if code.endswith("Exception") else f"{service}.{code}Exception"


def _error_cause(resource: Resource, error: ClientError) -> str:
    metadata = error.response["ResponseMetadata"]
    service = resource.service.removeprefix("aws-sdk:").capitalize()
    return (
        f"{error.response['Error']['Message']} (Service: {service}, "
        f"Status Code: {metadata['HTTPStatusCode']}, Request ID: {metadata.get('RequestId', '-')})"
    )


def _await_execution(client: Any, arn: str, parsed: bool, signal: Signal) -> dict[str, Any]:
    """Return the description of a nested execution once it has succeeded; stops it if the signal is set."""
    shape = client.meta.service_model.operation_model("DescribeExecution").output_shape
    try:
        while (described := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
            signal.sleep(POLL_SECONDS)
    except Ended:
        client.stop_execution(executionArn=arn, cause="the state that started it has ended")
        raise
    described.pop("ResponseMetadata", None)
    result: dict[str, Any] = from_response(described, shape)
    for name in ("StartDate", "StopDate"):
        result[name] = int(described[name[0].lower() + name[1:]].timestamp() * 1000)
    for name in ("Input", "Output") if parsed else ():
        if name in result:
            result[name] = json.loads(result[name])
    if result["Status"] != "SUCCEEDED":
        raise StateFailed("States.TaskFailed", as_json(result))
    return result


def _await_task(
    client: Any,  # ECS
    arguments: Mapping[str, Any],
    started: Mapping[str, Any],
    signal: Signal,
) -> dict[str, Any]:
    """Return the description of an ECS task once it has stopped with exit code 0."""
    if not started.get("Tasks"):
        raise StateFailed("States.TaskFailed", as_json(started.get("Failures", [])))
    arn, cluster = started["Tasks"][0]["TaskArn"], arguments.get("Cluster", "default")
    shape = client.meta.service_model.operation_model("DescribeTasks").output_shape
    try:
        while True:
            answer = client.describe_tasks(cluster=cluster, tasks=[arn])
            if answer["tasks"][0]["lastStatus"] == "STOPPED":
                break
            signal.sleep(POLL_SECONDS)
    except Ended:
        client.stop_task(cluster=cluster, task=arn)
        raise
    task: dict[str, Any] = from_response({"tasks": answer["tasks"]}, shape)["Tasks"][0]
    if any(container.get("ExitCode", 0) for container in task.get("Containers", ())):
        raise StateFailed("States.TaskFailed", as_json(task))
    return task
