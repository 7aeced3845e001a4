"""Processes that are slow to end, or slow to begin: what a quiet machine shows once in a hundred runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.core.clock import ScaledClock
from localcloud.core.cloud import Cloud
from localcloud.core.faults import Faults
from localcloud.functions.fork_client import Forked
from localcloud.functions.pool import Pool
from localcloud.functions.sandbox import FunctionSettings, Outcome
from tests.localcloud.function_code import zipped

CODE = """
import time
time.sleep({import_seconds})
def handler(event, context):
    time.sleep(event)
    return "done"
"""
DONE = Outcome(payload=b'"done"')

Run = Callable[..., Outcome]


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    clock = ScaledClock(1.0)
    cloud = Cloud(
        endpoint_url="http://127.0.0.1:9",
        state_dir=tmp_path,
        keeps_state=False,
        clock=clock,
        faults=Faults(clock),
    )
    yield cloud
    cloud.close()


LOGS: Any = SimpleNamespace(write=lambda *_: None, close=lambda: None)


@pytest.fixture
def pool(cloud: Cloud) -> Pool:
    return Pool(cloud, LOGS)


def function(*, import_seconds: float = 0.0) -> FunctionSettings:
    return FunctionSettings(
        arn="arn:aws:lambda:eu-central-1:123456789012:function:f",
        name="f",
        region="eu-central-1",
        role="arn:aws:iam::123456789012:role/functions",
        handler="code.handler",
        timeout=0.3,
        memory=128,
        environment={},
        code_sha="sha",
        code=zipped({"code.py": CODE.format(import_seconds=import_seconds)}),
    )


def without_log(outcome: Outcome) -> Outcome:
    return Outcome(payload=outcome.payload, error=outcome.error)


def test_a_process_that_was_killed_gets_no_other_call_while_its_end_is_not_known(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = Forked.end

    def end_late(self: Forked, code: int) -> None:
        time.sleep(0.5)
        end(self, code)

    monkeypatch.setattr(Forked, "end", end_late)
    timed_out = pool.run(function(), b"30")
    assert json.loads(timed_out.payload)["errorType"] == "Sandbox.Timedout"
    assert without_log(pool.run(function(), b"0")) == DONE


def test_what_a_function_imports_is_not_counted_in_its_time_out(pool: Pool) -> None:
    assert without_log(pool.run(function(import_seconds=0.6), b"0")) == DONE


@pytest.mark.parametrize("warm", [0, 1, 5])
def test_as_many_processes_stay_as_the_setting_says(cloud: Cloud, warm: int) -> None:
    cloud.warm_functions = warm
    pool = Pool(cloud, LOGS)
    for number in range(6):
        named = replace(function(), arn=f"arn:aws:lambda:eu-central-1:123456789012:function:f{number}")
        assert without_log(pool.run(named, b"0")) == DONE
    assert len(cloud.processes.running("function")) == warm
