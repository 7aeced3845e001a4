"""policy-run with the maximum number of file systems, on the interpreter with its quotas."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from localcloud.core.clock import ScaledClock
from localcloud.core.cloud import ApiCall
from localcloud.stepfunctions.api import StepFunctions
from localcloud.stepfunctions.failures import StateFailed
from localcloud.stepfunctions.history import MOST_EVENTS
from localcloud.stepfunctions.integrations import Resource
from localcloud.stepfunctions.limits import LARGEST_DATA
from localcloud.stepfunctions.scope import Runtime
from localcloud.stepfunctions.tokens import Tokens
from tests.aws.account import ACCOUNT, NIGHTLY, REGION
from tests.lambdas.conftest import Call, deploy_policy
from tests.workflows.walker import definition, source
from tidemark.aws.clients import Clients
from tidemark.errors import TidemarkError
from tidemark.policy.policy import MOST_FILE_SYSTEMS

# Policy and file system have the maximum lengths for session ids, including a rerun's -r1.
LONGEST = replace(
    NIGHTLY,
    name="n" * 37,
    file_systems=tuple(f"fs-{number:017x}" for number in range(MOST_FILE_SYSTEMS)),
)
HTTP = {"StatusCode": 200, "ExecutedVersion": "$LATEST", "SdkHttpMetadata": {"AllHttpHeaders": "h" * 1000}}
[RETRY] = definition("policy-run")["States"]["Run backup sessions"]["ItemProcessor"]["States"][
    "Run backup session"
]["Retry"]
RETRIES = RETRY["MaxAttempts"]  # of a throttled start


@dataclass
class Sessions:
    """Runs the functions of policy-run, and sessions whose starts are throttled and which may fail."""

    call_function: Call
    throttled: int = 0
    failing: int = 0  # number of sessions of the first run that fail
    reruns_fail: bool = False
    started: Counter[str] = field(default_factory=Counter)
    largest: int = 0  # bytes of the largest payload

    def call(self, resource: Resource, arguments: Any, *, submitted: Callable[[Any], None], **_: Any) -> Any:
        self.largest = max(self.largest, len(json.dumps(arguments, separators=(",", ":"))))
        if resource.service == "states":
            return self._session(arguments, submitted)
        camel = arguments["FunctionName"].removeprefix("${").removesuffix("Function}")
        try:
            answer = self.call_function(re.sub(r"(?<!^)(?=[A-Z])", "_", camel).lower(), arguments["Payload"])
        except TidemarkError as error:
            raise StateFailed(type(error).__name__, json.dumps({"errorMessage": str(error)})) from error
        self.largest = max(self.largest, len(json.dumps(answer, separators=(",", ":"))))
        return {**HTTP, "Payload": answer}

    def _session(self, arguments: Any, submitted: Callable[[Any], None]) -> Any:
        name = arguments["Name"]
        self.started[name] += 1
        if self.started[name] <= self.throttled:
            raise StateFailed("StepFunctions.ThrottlingException", "Rate exceeded")
        submitted({"ExecutionArn": f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{name}"})
        if (self.reruns_fail or not name.endswith("-r1")) and int(
            arguments["Input"]["file_system"][3:], 16
        ) < self.failing:
            raise StateFailed("States.TaskFailed", "failed")
        return {"Status": "SUCCEEDED"}


class Machine:
    """The deployed policy-run."""

    def __init__(self, sessions: Sessions) -> None:
        runtime = Runtime(
            clock=ScaledClock(1e-6),
            timeout_scale=1,
            tokens=Tokens(),
            integrations=sessions,  # type: ignore[arg-type]  # stands for Integrations
        )
        self.api = StepFunctions(runtime)
        definition = source("policy-run")
        role = f"arn:aws:iam::{ACCOUNT}:role/r"
        made = self("CreateStateMachine", name="policy-run", definition=definition, roleArn=role)
        self.arn: str = made["stateMachineArn"]

    def __call__(self, operation: str, **params: Any) -> Any:
        call = ApiCall(params=params, account_id=ACCOUNT, region=REGION, principal="arn")
        return self.api.operations()[operation](call)

    def start(self) -> str:
        text = json.dumps({"policy": LONGEST.name})
        started = self("StartExecution", stateMachineArn=self.arn, input=text)
        arn: str = started["executionArn"]
        return arn

    def ended(self, arn: str) -> dict[str, Any]:
        clock = ScaledClock(1)
        while (described := self("DescribeExecution", executionArn=arn))["status"] == "RUNNING":
            clock.sleep(0.02)
        return dict(described)

    def events(self, arn: str) -> int:
        last = self("GetExecutionHistory", executionArn=arn, maxResults=1, reverseOrder=True)["events"][0]
        return int(last["id"])


@pytest.fixture
def sessions(clients: Clients, call: Call) -> Sessions:
    deploy_policy(clients, LONGEST)
    return Sessions(call)


@pytest.fixture
def machine(sessions: Sessions) -> Iterator[Machine]:
    made = Machine(sessions)
    yield made
    made.api.close()


def test_a_run_of_a_thousand_sessions_takes_a_third_of_the_events_and_fits_into_states(
    machine: Machine, sessions: Sessions
) -> None:
    execution = machine.start()
    described = machine.ended(execution)
    assert described["status"] == "SUCCEEDED", described
    assert len(sessions.started) == MOST_FILE_SYSTEMS
    assert machine.events(execution) < 8 * MOST_FILE_SYSTEMS + 20
    assert sessions.largest < 0.8 * LARGEST_DATA


def test_a_run_of_a_thousand_sessions_ends_even_if_all_are_throttled_and_fail(
    machine: Machine, sessions: Sessions
) -> None:
    sessions.throttled, sessions.failing = RETRIES, MOST_FILE_SYSTEMS
    execution = machine.start()
    described = machine.ended(execution)
    assert (described["status"], described["error"]) == ("FAILED", "SessionFailed"), described
    assert set(sessions.started.values()) == {RETRIES + 1}
    assert machine.events(execution) < 0.9 * MOST_EVENTS


def test_a_redrive_runs_half_of_a_thousand_sessions_again(machine: Machine, sessions: Sessions) -> None:
    sessions.failing = MOST_FILE_SYSTEMS // 2
    execution = machine.start()
    assert machine.ended(execution)["status"] == "FAILED"
    machine("RedriveExecution", executionArn=execution)
    described = machine.ended(execution)
    assert described["status"] == "SUCCEEDED", described
    assert len(sessions.started) == 1.5 * MOST_FILE_SYSTEMS
    assert machine.events(execution) < 0.6 * MOST_EVENTS


def test_a_redrive_without_room_in_the_history_starts_no_session(
    machine: Machine, sessions: Sessions
) -> None:
    sessions.failing, sessions.reruns_fail = MOST_FILE_SYSTEMS // 2, True
    execution = machine.start()
    assert machine.ended(execution)["status"] == "FAILED"
    for started in (1.5 * MOST_FILE_SYSTEMS, 1.5 * MOST_FILE_SYSTEMS):
        machine("RedriveExecution", executionArn=execution)
        described = machine.ended(execution)
        assert (described["status"], described["error"]) == ("FAILED", "SessionFailed"), described
        assert sum(sessions.started.values()) == started
    assert "start a new execution" in described["cause"]
    assert machine.events(execution) < 0.9 * MOST_EVENTS
