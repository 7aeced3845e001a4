from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.core.cloud import AwsError
from localcloud.stepfunctions.failures import StateFailed

Task = Callable[..., dict[str, Any]]
WAITS = {"StartAt": "Only", "States": {"Only": {"Type": "Wait", "Seconds": 100_000, "End": True}}}


def one(state: dict[str, Any], name: str = "Only") -> dict[str, Any]:
    return {"StartAt": name, "States": {name: state}}


def test_the_same_name_and_input_is_the_same_execution_while_it_runs(machines: Any) -> None:
    machine = machines.create(WAITS)
    start = {"stateMachineArn": machine, "name": "night", "input": '{"a": 1}'}
    first = machines("StartExecution", **start)
    assert machines("StartExecution", **start) == first
    with pytest.raises(AwsError) as other_input:
        machines("StartExecution", **{**start, "input": "{}"})
    assert other_input.value.code == "ExecutionAlreadyExists"
    machines("StopExecution", executionArn=first["executionArn"])
    with pytest.raises(AwsError) as closed:
        machines("StartExecution", **start)
    assert closed.value.code == "ExecutionAlreadyExists"


def test_a_stopped_execution_runs_no_catch_and_ends_at_once(machines: Any, task: Task) -> None:
    release, caught = threading.Event(), []
    machines.tasks.functions["slow"] = lambda _: release.wait(20)
    machines.tasks.functions["caught"] = caught.append
    definition = {
        "StartAt": "Slow",
        "States": {
            "Slow": task("slow", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]),
            "Caught": task("caught"),
        },
    }
    arn = machines.start(definition)
    time.sleep(0.05)
    machines("StopExecution", executionArn=arn, error="Mine", cause="enough")
    described = machines("DescribeExecution", executionArn=arn)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Mine", "enough")
    release.set()
    time.sleep(0.05)
    assert not caught
    assert machines.events(arn)[-1]["type"] == "ExecutionAborted"


def test_stopping_what_has_ended_changes_nothing(machines: Any) -> None:
    arn = machines.start(one({"Type": "Succeed"}))
    ended = machines.wait(arn)
    machines("StopExecution", executionArn=arn)
    assert machines("DescribeExecution", executionArn=arn) == ended


def test_a_redrive_resumes_at_the_failed_state_with_its_variables(machines: Any, task: Task) -> None:
    healthy = []

    def fails_at_first(payload: Any) -> Any:
        if not healthy:
            raise StateFailed("Broken")
        return payload

    machines.tasks.functions["f"] = fails_at_first
    definition = {
        "StartAt": "Before",
        "States": {
            "Before": {"Type": "Pass", "Assign": {"n": 7}, "Output": {"from": "before"}, "Next": "Fails"},
            "Fails": task(
                "f",
                Output={
                    "n": "{% $n %}",
                    "redrives": "{% $states.context.Execution.RedriveCount %}",
                    "result": "{% $states.result.Payload %}",
                },
            ),
        },
    }
    arn = machines.start(definition)
    assert machines.wait(arn)["redriveStatus"] == "REDRIVABLE"
    healthy.append(True)
    machines("RedriveExecution", executionArn=arn)
    described = machines.wait(arn)
    assert json.loads(described["output"]) == {"n": 7, "redrives": 1, "result": {"from": "before"}}
    assert described["redriveCount"] == 1
    assert machines.entered(arn) == ["Before", "Fails", "Fails"]
    assert "ExecutionRedriven" in [event["type"] for event in machines.events(arn)]


def test_a_redrive_runs_only_the_branches_that_had_not_succeeded(machines: Any, task: Task) -> None:
    calls: list[str] = []
    healthy = threading.Event()

    def good(_: Any) -> str:
        calls.append("good")
        return "good"

    def bad(_: Any) -> str:
        time.sleep(0.05)
        calls.append("bad")
        if not healthy.is_set():
            raise StateFailed("Broken")
        return "bad"

    machines.tasks.functions |= {"good": good, "bad": bad}
    parallel = {
        "Type": "Parallel",
        "Branches": [one(task("good"), "Good"), one(task("bad"), "Bad")],
        "End": True,
    }
    arn = machines.start(one(parallel))
    machines.wait(arn)
    healthy.set()
    machines("RedriveExecution", executionArn=arn)
    assert json.loads(machines.wait(arn)["output"]) == ["good", "bad"]
    assert calls == ["good", "bad", "bad"]


def test_an_aborted_execution_can_be_redriven_and_a_successful_or_running_one_cannot(machines: Any) -> None:
    arn = machines.start(WAITS)
    with pytest.raises(AwsError) as running:
        machines("RedriveExecution", executionArn=arn)
    assert running.value.code == "ExecutionNotRedrivable"
    machines("StopExecution", executionArn=arn)
    machines("RedriveExecution", executionArn=arn)
    assert machines("DescribeExecution", executionArn=arn)["status"] == "RUNNING"
    done = machines.start(one({"Type": "Succeed"}))
    machines.wait(done)
    with pytest.raises(AwsError):
        machines("RedriveExecution", executionArn=done)


def test_executions_are_listed_newest_first_by_status_and_in_pages(machines: Any) -> None:
    machine = machines.create(WAITS)
    arns = [machines("StartExecution", stateMachineArn=machine)["executionArn"] for _ in range(3)]
    machines("StopExecution", executionArn=arns[1])
    running = machines("ListExecutions", stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    assert [one["executionArn"] for one in running] == [arns[2], arns[0]]
    page = machines("ListExecutions", stateMachineArn=machine, maxResults=2)
    rest = machines("ListExecutions", stateMachineArn=machine, maxResults=2, nextToken=page["nextToken"])
    assert [one["executionArn"] for one in page["executions"] + rest["executions"]] == arns[::-1]
    assert "nextToken" not in rest


def test_an_update_leaves_running_executions_alone(machines: Any) -> None:
    machine = machines.create(WAITS)
    arn = machines("StartExecution", stateMachineArn=machine)["executionArn"]
    definition = json.dumps({"QueryLanguage": "JSONata", **one({"Type": "Succeed"})})
    machines("UpdateStateMachine", stateMachineArn=machine, definition=definition)
    assert "Wait" in machines("DescribeStateMachineForExecution", executionArn=arn)["definition"]
    assert "Wait" not in machines("DescribeStateMachine", stateMachineArn=machine)["definition"]


@pytest.mark.parametrize(
    ("definition", "says"),
    [
        ("{", "INVALID_JSON"),
        ('{"StartAt": "A", "States": {}}', "JSONata"),
        ({"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}, "StartAt"),
        ({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}, "'B'"),
        ({"StartAt": "A", "States": {"A": {"Type": "Pass"}}}, "Next or End"),
        (
            {"StartAt": "A", "States": {"A": {"Type": "Pass", "Output": "{% 1 + %}", "End": True}}},
            "/States/A",
        ),
        (
            {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "x", "End": True}}},
            "does not support",
        ),
    ],
)
def test_a_bad_definition_is_refused_by_name(machines: Any, definition: Any, says: str) -> None:
    text = (
        definition if isinstance(definition, str) else json.dumps({"QueryLanguage": "JSONata", **definition})
    )
    with pytest.raises(AwsError) as refused:
        machines("CreateStateMachine", name="bad", definition=text, roleArn="r")
    assert refused.value.code == "InvalidDefinition"
    assert says in refused.value.message
