from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.core.cloud import AwsError

Task = Callable[..., dict[str, Any]]
CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"


@pytest.fixture
def waiting(machines: Any, task: Task) -> Callable[..., tuple[str, str]]:
    """Start a machine that waits for a token: its execution and the token."""

    def start(**fields: Any) -> tuple[str, str]:
        tokens: list[str] = []
        machines.tasks.functions["launch"] = tokens.append
        state = task(
            "launch",
            Resource=CALLBACK,
            Arguments={"FunctionName": "launch", "Payload": "{% $states.context.Task.Token %}"},
            Output="{% $states.result %}",
            **fields,
        )
        late = {"Late": {"Type": "Succeed"}} if "Catch" in fields else {}
        arn = machines.start({"StartAt": "Only", "States": {"Only": state, **late}})
        while not tokens:
            time.sleep(0.002)
        return arn, tokens[0]

    return start


def test_the_answer_is_the_result(machines: Any, waiting: Any) -> None:
    arn, token = waiting()
    machines("SendTaskSuccess", taskToken=token, output='{"files": 3}')
    assert json.loads(machines.wait(arn)["output"]) == {"files": 3}


def test_a_failure_carries_error_and_cause(machines: Any, waiting: Any) -> None:
    arn, token = waiting()
    machines("SendTaskFailure", taskToken=token, error="CrawlFailed", cause="no disk")
    described = machines.wait(arn)
    assert (described["error"], described["cause"]) == ("CrawlFailed", "no disk")


def test_an_answer_before_the_call_has_returned_is_kept(machines: Any, task: Task) -> None:
    def answers_itself(token: str) -> None:
        machines("SendTaskHeartbeat", taskToken=token)
        machines("SendTaskSuccess", taskToken=token, output="1")

    machines.tasks.functions["f"] = answers_itself
    state = task(
        "f",
        Resource=CALLBACK,
        Arguments={"FunctionName": "f", "Payload": "{% $states.context.Task.Token %}"},
        Output="{% $states.result %}",
    )
    assert machines.output({"StartAt": "Only", "States": {"Only": state}}) == 1


@pytest.mark.parametrize("caught_as", ["States.HeartbeatTimeout", "States.Timeout", "States.ALL"])
def test_silence_is_a_heartbeat_timeout(machines: Any, waiting: Any, caught_as: str) -> None:
    arn, token = waiting(
        HeartbeatSeconds=1, TimeoutSeconds=3600, Catch=[{"ErrorEquals": [caught_as], "Next": "Late"}]
    )
    assert json.loads(machines.wait(arn)["output"])["Error"] == "States.HeartbeatTimeout"
    with pytest.raises(AwsError) as closed:
        machines("SendTaskHeartbeat", taskToken=token)
    assert closed.value.code == "TaskTimedOut"


def test_heartbeats_keep_the_task_alive(machines: Any, waiting: Any) -> None:
    arn, token = waiting(HeartbeatSeconds=1, TimeoutSeconds=3600)
    for _ in range(8):
        time.sleep(0.3)
        machines("SendTaskHeartbeat", taskToken=token)
    machines("SendTaskSuccess", taskToken=token, output="1")
    assert machines.wait(arn)["status"] == "SUCCEEDED"


def test_a_token_is_answered_once(machines: Any, waiting: Any) -> None:
    arn, token = waiting()
    machines("SendTaskSuccess", taskToken=token, output="1")
    machines.wait(arn)
    with pytest.raises(AwsError) as again:
        machines("SendTaskFailure", taskToken=token)
    assert again.value.code == "TaskTimedOut"


def test_the_token_of_an_aborted_execution_is_closed(machines: Any, waiting: Any) -> None:
    arn, token = waiting()
    machines("StopExecution", executionArn=arn)
    time.sleep(0.05)
    with pytest.raises(AwsError) as closed:
        machines("SendTaskHeartbeat", taskToken=token)
    assert closed.value.code == "TaskTimedOut"


def test_other_text_is_no_token(machines: Any) -> None:
    with pytest.raises(AwsError) as refused:
        machines("SendTaskSuccess", taskToken="nonsense", output="1")
    assert refused.value.code == "InvalidToken"


def test_an_output_that_is_no_json_is_refused(machines: Any, waiting: Any) -> None:
    _, token = waiting()
    with pytest.raises(AwsError) as refused:
        machines("SendTaskSuccess", taskToken=token, output="{")
    assert refused.value.code == "InvalidOutput"
