"""The functions' metrics, as CloudWatch extracts them from the log."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lambdas._handler import Deployment
from tests.aws.account import MACHINES
from tests.sessions.world import START, new_session
from tidemark.aws.executions import execution_arn
from tidemark.sessions.overlap import open_session


def written(out: str) -> list[dict[str, Any]]:
    """Return the metrics among the lines of a log, in the embedded metric format."""
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return [line for line in lines if "_aws" in line]


def test_a_session_is_counted_for_its_deployment_and_for_its_policy(
    call: Any, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    arn = execution_arn(f"{MACHINES}-backup-session", "s")
    open_session(deployment.records, replace(new_session("s"), execution_arn=arn), START)
    call("close_session", {"session_id": "s", "failure": {"Error": "E", "Cause": "full of sand"}})
    (line,) = written(capsys.readouterr().out)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Tidemark"
    assert directive["Dimensions"] == [["deployment"], ["deployment", "policy"]]
    assert (line["deployment"], line["policy"]) == ("tidemark", "nightly")
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == {
        "SessionsFailed": "Count",
        "SessionDuration": "Seconds",
    }
    assert line["SessionsFailed"] == [1.0]


def test_the_sweeper_counts_every_session_that_it_closes_for_its_own_policy(
    call: Any, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    for policy in ("nightly", "hourly"):
        arn = execution_arn(f"{MACHINES}-backup-session", policy)
        session = replace(new_session(policy), policy=policy, execution_arn=arn)
        open_session(deployment.records, session, START)
    call("sweep", {})
    *sessions, sweep = written(capsys.readouterr().out)
    assert {(line["policy"], *line["SessionsAborted"]) for line in sessions} == {
        ("nightly", 1.0),
        ("hourly", 1.0),
    }
    assert sweep["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["deployment"]]
    assert (sweep["deployment"], sweep["ExpiredLeases"]) == ("tidemark", [0.0])
    assert "policy" not in sweep
