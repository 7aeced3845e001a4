"""The state machines pass and read the keys that the types of the Lambda functions declare."""

from __future__ import annotations

import importlib
import re
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.workflows.walker import definition

MACHINES = ("policy-run", "backup-session", "indexing-session", "restore-session", "restore-test")
# In addition, an execution's input contains a link to the execution that started it, which no step reads.
LINK = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"


class Invocation(NamedTuple):
    machine: str
    state: str
    function: str  # lambdas/<function>.py
    payload: Any
    definition: dict[str, Any]


def states_of(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        for inner in [
            *state.get("Branches", []),
            *([state["ItemProcessor"]] if "ItemProcessor" in state else []),
        ]:
            yield from states_of(inner)


def invocations() -> Iterator[Invocation]:
    for machine in MACHINES:
        for name, state in states_of(definition(machine)):
            if "lambda:invoke" in state.get("Resource", ""):
                placeholder = state["Arguments"]["FunctionName"]
                camel = re.fullmatch(r"\$\{(\w+)Function\}", placeholder)
                assert camel, f"{name} invokes {placeholder}"
                file = re.sub(r"(?<!^)(?=[A-Z])", "_", camel[1]).lower()
                yield Invocation(machine, name, file, state["Arguments"]["Payload"], state)


INVOCATIONS = list(invocations())
every_invocation = pytest.mark.parametrize(
    "invocation", INVOCATIONS, ids=lambda each: f"{each.machine}: {each.state}"
)


def event_of(function: str) -> Any:
    return importlib.import_module(f"lambdas.{function}").Event


def result_of(function: str) -> Any:
    handler = importlib.import_module(f"lambdas.{function}").handler
    while hasattr(handler, "__wrapped__"):
        handler = handler.__wrapped__
    return typing.get_type_hints(handler)["return"]


@every_invocation
def test_a_state_passes_the_keys_of_the_lambdas_event_type(invocation: Invocation) -> None:
    event = event_of(invocation.function)
    payload = invocation.payload
    if payload == "{% $states.input %}":
        payload = inputs_of("IndexingSessionStateMachine")
    # Not `__required_keys__`: it does not see NotRequired in annotations that are strings.
    hints = typing.get_type_hints(event, include_extras=True)
    required = {name for name, hint in hints.items() if typing.get_origin(hint) is not typing.NotRequired}
    assert required <= set(payload), "a key that the Lambda reads is missing"
    assert set(payload) <= set(hints), "a key that the Lambda does not know"


def inputs_of(machine: str) -> set[str]:
    """Return the keys that a nested execution of the machine is started with."""
    found = [
        set(state["Arguments"]["Input"]) - {LINK}
        for name in MACHINES
        for _, state in states_of(definition(name))
        if "${" + machine + "}" in state.get("Arguments", {}).get("StateMachineArn", "")
    ]
    assert len(found) == 1
    return found[0]


def test_a_nested_backup_session_gets_the_input_that_a_user_would_type_and_what_its_run_knows() -> None:
    assert inputs_of("BackupSessionStateMachine") == {
        "policy",
        "file_system",
        "scheduled_time",
        "retries_left",
    }


# The types of variables that are not the unchanged result of a Lambda function.
HELD = {
    "failure": ("lambdas.events", "Failure"),
    "request": ("lambdas.prepare_worker", "Event"),
}


def variables(machine: str) -> dict[str, Any]:
    """Return the type of every variable that a state machine assigns, if a Lambda function declares it."""
    types: dict[str, Any] = {}
    for invocation in INVOCATIONS:
        if invocation.machine != machine:
            continue
        for name, value in invocation.definition.get("Assign", {}).items():
            if value == "{% $states.result.Payload %}":
                held = result_of(invocation.function)
                assert types.setdefault(name, held) is held or set(held.__annotations__) == set(
                    types[name].__annotations__
                ), f"${name} holds two things"
    for name, (module, kind) in HELD.items():
        types[name] = getattr(importlib.import_module(module), kind)
    return types


@pytest.mark.parametrize("machine", MACHINES)
def test_every_field_that_a_state_reads_of_a_variable_is_one_that_a_lambda_returns(machine: str) -> None:
    types = variables(machine)
    text = str(definition(machine))
    read = set(re.findall(r"\$(?!states\b)(\w+)\.(\w+)", text))
    for variable, attribute in read:
        if variable == "results":
            continue  # the map's own output, checked by following it
        assert attribute in typing.get_type_hints(types[variable]), f"${variable}.{attribute}"


@pytest.mark.parametrize("machine", MACHINES)
def test_every_variable_that_is_read_is_assigned(machine: str) -> None:
    text = str(definition(machine))
    assigned = {name for _, state in states_of(definition(machine)) for name in _assigned(state)}
    assert set(re.findall(r"\$(?!states\b|exists\b|count\b)([a-z]\w*)", text)) <= assigned


def _assigned(state: dict[str, Any]) -> Iterator[str]:
    yield from state.get("Assign", {})
    for catcher in state.get("Catch", []):
        yield from catcher.get("Assign", {})


@every_invocation
def test_a_field_read_directly_from_a_result_is_one_that_the_lambda_returns(invocation: Invocation) -> None:
    for attribute in re.findall(r"\$states\.result\.Payload\.(\w+)", str(invocation.definition)):
        assert attribute in typing.get_type_hints(result_of(invocation.function))


@every_invocation
def test_every_step_retries_transient_errors(invocation: Invocation) -> None:
    retried = {error for retry in invocation.definition["Retry"] for error in retry["ErrorEquals"]}
    assert {"AwsThrottled", "AwsUnreachable", "Lambda.TooManyRequestsException"} <= retried
