"""State machines on the interpreter alone: no server, and functions of the test's own as tasks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcloud.core.clock import ScaledClock
from localcloud.core.cloud import ApiCall
from localcloud.stepfunctions.api import StepFunctions
from localcloud.stepfunctions.integrations import Resource
from localcloud.stepfunctions.scope import Runtime
from localcloud.stepfunctions.tokens import Tokens

ROLE = "arn:aws:iam::123456789012:role/machine"


class FakeIntegrations:
    """Calls `functions[FunctionName]` with the payload."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[[Any], Any]] = {}

    def call(self, resource: Resource, arguments: Any, **_: Any) -> Any:
        return {"Payload": self.functions[arguments["FunctionName"]](arguments["Payload"])}


class Machines:
    """Step Functions as boto3 would show it, in this process."""

    def __init__(self, scale: float) -> None:
        self.tasks = FakeIntegrations()
        runtime = Runtime(
            clock=ScaledClock(scale), timeout_scale=scale, tokens=Tokens(), integrations=self.tasks
        )
        self.api = StepFunctions(runtime)
        self.operations = self.api.operations()
        self.count = 0

    def __call__(self, operation: str, **params: Any) -> Any:
        call = ApiCall(params=params, account_id="123456789012", region="us-east-1", principal=ROLE)
        return self.operations[operation](call)

    def create(self, definition: dict[str, Any], kind: str = "STANDARD") -> str:
        self.count += 1
        made = self(
            "CreateStateMachine",
            name=f"machine-{self.count}",
            definition=json.dumps({"QueryLanguage": "JSONata", **definition}),
            roleArn=ROLE,
            type=kind,
        )
        return made["stateMachineArn"]

    def start(self, definition: dict[str, Any], value: Any = None, name: str | None = None) -> str:
        arn = self.create(definition)
        params = {"name": name} if name else {}
        started = self("StartExecution", stateMachineArn=arn, input=json.dumps(value or {}), **params)
        return started["executionArn"]

    def wait(self, arn: str, seconds: float = 10) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while (described := self("DescribeExecution", executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < end, self.entered(arn)
            time.sleep(0.005)
        return described

    def run(self, definition: dict[str, Any], value: Any = None) -> dict[str, Any]:
        return self.wait(self.start(definition, value))

    def output(self, definition: dict[str, Any], value: Any = None) -> Any:
        described = self.run(definition, value)
        assert described["status"] == "SUCCEEDED", described
        return json.loads(described["output"])

    def events(self, arn: str) -> list[dict[str, Any]]:
        return self("GetExecutionHistory", executionArn=arn)["events"]

    def entered(self, arn: str) -> list[str]:
        entered = [event for event in self.events(arn) if event["type"].endswith("Entered")]
        return [event["stateEnteredEventDetails"]["name"] for event in entered]


@pytest.fixture
def machines() -> Iterator[Machines]:
    running = Machines(scale=0.002)
    yield running
    running.api.close()


def invoke(function: str, **fields: Any) -> dict[str, Any]:
    """Return a Task state that invokes a function with the state's input."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        "End": True,
        **fields,
    }


@pytest.fixture
def task() -> Callable[..., dict[str, Any]]:
    return invoke
