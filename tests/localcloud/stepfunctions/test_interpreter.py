from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.core.cloud import AwsError
from localcloud.stepfunctions.failures import StateFailed

Task = Callable[..., dict[str, Any]]


def one(state: dict[str, Any], name: str = "Only") -> dict[str, Any]:
    return {"StartAt": name, "States": {name: state}}


def test_assign_and_output_both_see_the_old_variables(machines: Any) -> None:
    definition = {
        "StartAt": "Set",
        "States": {
            "Set": {"Type": "Pass", "Assign": {"n": 1, "text": 'say "hi"\n'}, "Next": "Add"},
            "Add": {
                "Type": "Pass",
                "Assign": {"n": "{% $n + 1 %}"},
                "Output": {"seen": "{% $n %}"},
                "Next": "Show",
            },
            "Show": {
                "Type": "Pass",
                "Output": {"n": "{% $n %}", "text": "{% $text %}", "before": "{% $states.input.seen %}"},
                "End": True,
            },
        },
    }
    assert machines.output(definition) == {"n": 2, "text": 'say "hi"\n', "before": 1}


@pytest.mark.parametrize(("value", "way"), [({"n": 1}, "small"), ({"n": 50}, "large"), ({"n": 5}, "neither")])
def test_choice_takes_the_first_rule_that_is_true_with_its_own_assign(
    machines: Any, value: Any, way: str
) -> None:
    end = {"Type": "Pass", "Output": "{% $way %}", "End": True}
    definition = {
        "StartAt": "Which",
        "States": {
            "Which": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": "{% $states.input.n < 3 %}", "Next": "End", "Assign": {"way": "small"}},
                    {"Condition": "{% $states.input.n > 9 %}", "Next": "End", "Assign": {"way": "large"}},
                ],
                "Default": "End",
                "Assign": {"way": "neither"},
            },
            "End": end,
        },
    }
    assert machines.output(definition, value) == way


def test_no_choice_matched_is_an_error_of_its_own(machines: Any) -> None:
    choice = {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "End"}]}
    definition = {"StartAt": "Which", "States": {"Which": choice, "End": {"Type": "Succeed"}}}
    assert machines.run(definition)["error"] == "States.NoChoiceMatched"


def test_an_expression_without_a_value_fails_and_names_its_field(machines: Any) -> None:
    described = machines.run(
        one({"Type": "Pass", "Output": {"a": "{% $states.input.missing %}"}, "End": True})
    )
    assert described["error"] == "States.QueryEvaluationError"
    assert "Output/a" in described["cause"]
    assert "undefined" in described["cause"]


def test_null_is_a_value(machines: Any) -> None:
    state = {"Type": "Pass", "Output": {"a": "{% $states.input.a %}"}, "End": True}
    assert machines.output(one(state), {"a": None}) == {"a": None}


def test_retry_counts_per_entry_and_the_context_tells_the_count(machines: Any, task: Task) -> None:
    seen = []

    def fails(payload: Any) -> Any:
        seen.append(payload["retry"])
        if len(seen) <= 2:
            raise StateFailed("First")
        if len(seen) <= 3:
            raise StateFailed("Second")
        return "done"

    machines.tasks.functions["f"] = fails
    state = task(
        "f",
        Arguments={"FunctionName": "f", "Payload": {"retry": "{% $states.context.State.RetryCount %}"}},
        Retry=[
            {"ErrorEquals": ["First"], "MaxAttempts": 2},
            {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1},
        ],
    )
    assert machines.output(one(state)) == "done"
    assert seen == [0, 1, 2, 3]


def test_an_exhausted_retry_ends_at_the_catch_with_error_and_cause(machines: Any, task: Task) -> None:
    def fails(_: Any) -> Any:
        raise StateFailed("Nope", "because")

    machines.tasks.functions["f"] = fails
    catch = [
        {
            "ErrorEquals": ["States.TaskFailed"],
            "Output": "{% $states.errorOutput %}",
            "Assign": {"input": "{% $states.input %}"},
            "Next": "Caught",
        }
    ]
    retry = [{"ErrorEquals": ["Nope"], "MaxAttempts": 1}]
    definition = {
        "StartAt": "Try",
        "States": {
            "Try": task("f", Catch=catch, Retry=retry),
            "Caught": {"Type": "Pass", "Output": "{% $merge([$states.input, $input]) %}", "End": True},
        },
    }
    assert machines.output(definition, {"a": 1}) == {"Error": "Nope", "Cause": "because", "a": 1}


@pytest.mark.parametrize("error", ["States.Runtime", "States.DataLimitExceeded"])
def test_nothing_catches_the_uncatchable(machines: Any, task: Task, error: str) -> None:
    def fails(_: Any) -> Any:
        raise StateFailed(error)

    machines.tasks.functions["f"] = fails
    state = task("f", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Only"}])
    assert machines.run(one(state))["error"] == error


def test_a_branch_that_fails_ends_the_others_at_once(machines: Any, task: Task) -> None:
    def fails(_: Any) -> Any:
        raise StateFailed("Broken")

    machines.tasks.functions["f"] = fails
    parallel = {
        "Type": "Parallel",
        "Branches": [one({"Type": "Wait", "Seconds": 3600, "End": True}, "Inner"), one(task("f"), "Other")],
        "Catch": [{"ErrorEquals": ["Broken"], "Next": "Caught"}],
        "End": True,
    }
    definition = {"StartAt": "Both", "States": {"Both": parallel, "Caught": {"Type": "Succeed"}}}
    assert machines.output(definition) == {"Error": "Broken"}


def test_branches_read_outer_variables_and_cannot_set_them(machines: Any) -> None:
    def branch(name: str, **fields: Any) -> dict[str, Any]:
        return one({"Type": "Pass", "Output": "{% $n %}", "End": True, **fields}, name)

    def definition(inner: dict[str, Any]) -> dict[str, Any]:
        return {
            "StartAt": "Set",
            "States": {
                "Set": {"Type": "Pass", "Assign": {"n": 7}, "Next": "Both"},
                "Both": {"Type": "Parallel", "Branches": [inner, branch("Second")], "End": True},
            },
        }

    assert machines.output(definition(branch("First"))) == [7, 7]
    with pytest.raises(AwsError, match="cannot have the same name as one assigned in an outer scope"):
        machines.create(definition(branch("First", Assign={"n": 8})))


def test_map_keeps_order_and_never_exceeds_its_concurrency(machines: Any, task: Task) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def double(payload: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        return payload["value"] * 2 + payload["index"]

    machines.tasks.functions["double"] = double
    state = {
        "Type": "Map",
        "Items": "{% $states.input.items %}",
        "ItemSelector": {
            "value": "{% $states.context.Map.Item.Value %}",
            "index": "{% $states.context.Map.Item.Index %}",
        },
        "MaxConcurrency": 2,
        "ItemProcessor": one(task("double"), "Inner"),
        "End": True,
    }
    assert machines.output(one(state), {"items": [10, 20, 30, 40, 50]}) == [20, 41, 62, 83, 104]
    assert most == 2


def test_a_map_over_nothing_is_an_empty_array(machines: Any, task: Task) -> None:
    state = {"Type": "Map", "Items": [], "ItemProcessor": one(task("f"), "Inner"), "End": True}
    assert machines.output(one(state)) == []


def test_a_tolerated_failure_stands_in_the_result(machines: Any, task: Task) -> None:
    def odd(payload: Any) -> Any:
        if payload % 2:
            return payload
        raise StateFailed("Even")

    machines.tasks.functions["odd"] = odd
    state = {
        "Type": "Map",
        "Items": [1, 2, 3],
        "ToleratedFailurePercentage": 34,
        "ItemProcessor": one(task("odd"), "Inner"),
        "End": True,
    }
    assert machines.output(one(state)) == [1, {"Error": "Even"}, 3]


def test_wait_and_retry_last_scaled_time(machines: Any, task: Task) -> None:
    attempts = []

    def fails_once(_: Any) -> Any:
        attempts.append(time.monotonic())
        if len(attempts) == 1:
            raise StateFailed("Once")
        return "ok"

    machines.tasks.functions["f"] = fails_once
    definition = {
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "Seconds": 100, "Next": "Try"},
            "Try": task("f", Retry=[{"ErrorEquals": ["Once"], "IntervalSeconds": 100}]),
        },
    }
    started = time.monotonic()
    machines.output(definition)
    assert 0.4 <= time.monotonic() - started < 2
    assert 0.2 <= attempts[1] - attempts[0] < 1


def test_a_task_that_takes_too_long_times_out(machines: Any, task: Task) -> None:
    release = threading.Event()
    machines.tasks.functions["f"] = lambda _: release.wait(20)
    state = task("f", TimeoutSeconds=1, Catch=[{"ErrorEquals": ["States.Timeout"], "Next": "Late"}])
    definition = {"StartAt": "Slow", "States": {"Slow": state, "Late": {"Type": "Succeed"}}}
    assert machines.output(definition) == {"Error": "States.Timeout"}
    release.set()


def test_a_machine_that_takes_too_long_times_out(machines: Any) -> None:
    described = machines.run({"TimeoutSeconds": 1, **one({"Type": "Wait", "Seconds": 10_000, "End": True})})
    assert described["status"] == "TIMED_OUT"


def test_data_beyond_the_limit_is_refused(machines: Any) -> None:
    state = {
        "Type": "Pass",
        "Output": "{% $join($map([1..30000], function($i){'0123456789'})) %}",
        "End": True,
    }
    assert machines.run(one(state))["error"] == "States.DataLimitExceeded"


def test_the_context_names_execution_and_machine(machines: Any) -> None:
    state = {"Type": "Pass", "Output": "{% $states.context %}", "End": True}
    arn = machines.start(one(state), {"a": 1}, name="given")
    machines.wait(arn)
    import json

    context = json.loads(machines("DescribeExecution", executionArn=arn)["output"])
    assert context["Execution"]["Name"] == "given"
    assert context["Execution"]["Id"] == arn
    assert context["Execution"]["Input"] == {"a": 1}
    assert context["Execution"]["RedriveCount"] == 0
    assert context["State"]["Name"] == "Only"
    assert context["StateMachine"]["Name"] == "machine-1"


def test_each_iteration_has_events_of_its_own(machines: Any, task: Task) -> None:
    machines.tasks.functions["f"] = lambda value: value if value else 1 / 0
    state = {
        "Type": "Map",
        "Items": "{% [1, 0] %}",
        "MaxConcurrency": 1,
        "ItemProcessor": one(task("f"), "Inner"),
        "End": True,
    }
    arn = machines.start(one(state))
    assert machines.wait(arn)["status"] == "FAILED"
    seen = [
        (event["type"], *event[f"{event['type'][0].lower()}{event['type'][1:]}EventDetails"].values())
        for event in machines.events(arn)
        if event["type"].startswith("MapIteration")
    ]
    name = seen[0][1]
    assert seen == [
        ("MapIterationStarted", name, 0),
        ("MapIterationSucceeded", name, 0),
        ("MapIterationStarted", name, 1),
        ("MapIterationFailed", name, 1),
    ]
