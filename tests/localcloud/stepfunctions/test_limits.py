"""Sizes beyond Step Functions' quotas are refused, and those at the quota are not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from localcloud.core.cloud import AwsError
from localcloud.stepfunctions.failures import StateFailed
from localcloud.stepfunctions.limits import LARGEST_VARIABLES, Stored

Task = Callable[..., dict[str, Any]]
LIMIT = 262_144  # bytes; source: Step Functions quotas, input or output of a task, state or execution


def text_of(size: int) -> str:
    """Return a string whose JSON has this number of bytes."""
    return "x" * (size - len('""'))


def one(state: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": "Only", "States": {"Only": state}}


@pytest.mark.parametrize(("size", "status"), [(LIMIT, "SUCCEEDED"), (LIMIT + 1, "FAILED")])
def test_the_result_of_a_task_is_limited_even_if_its_output_is_small(
    machines: Any, task: Task, size: int, status: str
) -> None:
    # The integration wraps what the function returns in {"Payload": ...}.
    machines.tasks.functions["f"] = lambda _: text_of(size - len('{"Payload":}'))
    described = machines.run(one(task("f", Output="small")))
    assert described["status"] == status
    assert described.get("error") in (None, "States.DataLimitExceeded")


def test_the_limit_counts_bytes_not_characters(machines: Any) -> None:
    state = {"Type": "Pass", "Output": "é" * (LIMIT // 2), "End": True}
    assert machines.run(one(state))["error"] == "States.DataLimitExceeded"


def test_arguments_beyond_the_limit_do_not_reach_the_function(machines: Any, task: Task) -> None:
    called: list[Any] = []
    machines.tasks.functions["f"] = called.append
    state = task("f", Arguments={"FunctionName": "f", "Payload": text_of(LIMIT)})
    assert machines.run(one(state))["error"] == "States.DataLimitExceeded"
    assert called == []


@pytest.mark.parametrize(
    ("caught_by", "status"), [("States.ALL", "FAILED"), ("States.DataLimitExceeded", "SUCCEEDED")]
)
def test_only_its_own_name_catches_a_result_that_is_too_large(
    machines: Any, task: Task, caught_by: str, status: str
) -> None:
    machines.tasks.functions["f"] = lambda _: text_of(LIMIT)
    state = task("f", Catch=[{"ErrorEquals": [caught_by], "Next": "Caught"}])
    definition = {"StartAt": "Only", "States": {"Only": state, "Caught": {"Type": "Succeed"}}}
    assert machines.run(definition)["status"] == status


def test_one_assign_is_limited_as_a_whole(machines: Any) -> None:
    half = text_of(LIMIT // 2)
    state = {"Type": "Pass", "Output": 0, "End": True}
    assert machines.run(one({**state, "Assign": {"a": half, "b": half}}))["status"] == "SUCCEEDED"
    described = machines.run(one({**state, "Assign": {"a": half, "b": half + "x"}}))
    assert described["error"] == "States.DataLimitExceeded"


def test_all_variables_of_an_execution_are_limited_together() -> None:
    stored, quarter = Stored(), text_of(LARGEST_VARIABLES // 4)
    for scope in (1, 2):
        stored.set(scope, {"a": quarter, "b": quarter})
    stored.set(1, {"a": quarter})  # replaced, not added
    with pytest.raises(StateFailed, match=r"States\.DataLimitExceeded"):
        stored.set(3, {"a": 1})
    stored.drop(2)
    stored.set(3, {"a": 1})


def test_variables_of_iterations_count_until_the_iteration_ends(machines: Any) -> None:
    """Sixty iterations set 200 kB each, two at a time: 12 MB in all, but never at once."""
    inner = {
        "StartAt": "Set",
        "States": {
            "Set": {"Type": "Pass", "Assign": {"a": text_of(200_000)}, "Next": "Leave"},
            "Leave": {"Type": "Pass", "Output": "{% $length($a) %}", "End": True},
        },
    }
    state = {
        "Type": "Map",
        "Items": "{% [1..60] %}",
        "MaxConcurrency": 2,
        "ItemProcessor": inner,
        "End": True,
    }
    assert machines.output(one(state)) == [199_998] * 60


def test_the_input_of_an_execution_is_limited(machines: Any) -> None:
    arn = machines.create(one({"Type": "Pass", "Output": 0, "End": True}))
    assert machines("StartExecution", stateMachineArn=arn, input=f'"{text_of(LIMIT)}"')
    with pytest.raises(AwsError) as refused:
        machines("StartExecution", stateMachineArn=arn, input=f'"{text_of(LIMIT + 1)}"')
    assert refused.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("operation", "members", "code"),
    [
        ("SendTaskSuccess", {"output": f'"{text_of(LIMIT + 1)}"'}, "InvalidOutput"),
        ("SendTaskFailure", {"error": "e" * 257}, "ValidationException"),
        ("SendTaskFailure", {"cause": "c" * 32_769}, "ValidationException"),
    ],
)
def test_an_answer_that_is_too_long_is_refused(
    machines: Any, operation: str, members: dict[str, str], code: str
) -> None:
    with pytest.raises(AwsError) as refused:
        machines(operation, taskToken="token", **members)
    assert refused.value.code == code


def test_an_execution_that_uses_up_its_events_fails_and_cannot_be_redriven(machines: Any) -> None:
    choice = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input.on %}", "Next": "Again"}],
        "Default": "End",
    }
    states = {"Again": {"Type": "Pass", "Next": "Which"}, "Which": choice, "End": {"Type": "Succeed"}}
    arn = machines.start({"StartAt": "Again", "States": states}, {"on": True})
    described = machines.wait(arn, seconds=60)
    assert (described["status"], described["redriveStatus"]) == ("FAILED", "NOT_REDRIVABLE")
    first = machines("GetExecutionHistory", executionArn=arn, maxResults=1)["events"][0]
    last = machines("GetExecutionHistory", executionArn=arn, maxResults=1, reverseOrder=True)["events"][0]
    assert (first["id"], last["id"], last["type"]) == (1, 25_000, "ExecutionFailed")
    with pytest.raises(AwsError) as refused:
        machines("RedriveExecution", executionArn=arn)
    assert refused.value.code == "ExecutionNotRedrivable"


def test_an_execution_is_redrivable_for_fourteen_days(machines: Any) -> None:
    arn = machines.start(one({"Type": "Fail", "Error": "E"}))
    machines.wait(arn)
    execution = machines.api._executions[arn]
    execution.ended_at -= timedelta(days=14, minutes=1)
    assert machines("DescribeExecution", executionArn=arn)["redriveStatus"] == "NOT_REDRIVABLE"
    with pytest.raises(AwsError) as refused:
        machines("RedriveExecution", executionArn=arn)
    assert refused.value.code == "ExecutionNotRedrivable"
    execution.ended_at += timedelta(days=1)
    assert machines("RedriveExecution", executionArn=arn)["redriveDate"]
