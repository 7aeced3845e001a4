"""tidemark estimate on the local cloud, with what sessions measure, and the steps that it charges."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.e2e.conftest import Deployed
from tidemark.costs import sessions_cost as steps

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]


def entered(deployed: Deployed, execution_arn: str) -> Counter[str]:
    """Return how often an execution entered each state; AWS charges each as a transition."""
    states = deployed.cloud.client("stepfunctions")
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    events: list[Any] = [event for page in pages for event in page["events"]]
    return Counter(
        event["stateEnteredEventDetails"]["name"]
        for event in events
        if event["type"].endswith("StateEntered")
    )


def test_the_estimate_charges_the_steps_that_a_session_makes(deployed: Deployed) -> None:
    session = deployed.run("home")
    states = entered(deployed, deployed.executions("backup-session")[session["session_id"]])
    index = entered(deployed, deployed.executions("indexing-session")[session["index_id"]])
    backup, copy = states["Check backup"], states["Check copy"]
    assert sum((states + index).values()) == steps.transitions(backup, [copy], index=True)
    # Tasks of the two state machines, except the start of the indexing session, call a function each.
    waits = ("Wait", "finished?", "wanted?", "share?", "Copied", "Copies", "Copy and index")
    tasks = sum(
        count for name, count in states.items() if not name.endswith(waits) and "Wait for" not in name
    )
    called = tasks - states["Start indexing session"] + sum(index.values()) - index["Suspicious changes?"]
    assert called == steps.calls(backup, [copy], index=True)


def test_a_policy_is_estimated_from_its_indexes(deployed: Deployed) -> None:
    deployed.run("home")
    answer = deployed.tidemark("estimate", "home", "--json")
    assert answer.code == 0, answer.err
    names = {part["name"] for part in answer.json["parts"]}
    assert {"worker, Fargate", "EFS, Elastic throughput", "NAT gateways", "Step Functions"} <= names
    assert not any("no index yet" in text for text in answer.json["assumptions"])
    (window,) = answer.json["windows"]
    assert window["first_backup_seconds"] >= 1
    assert deployed.tidemark("estimate", "home").code == 0


def test_the_public_address_of_a_policy_is_estimated(deployed: Deployed) -> None:
    answer = deployed.tidemark("estimate", "public", "--json")
    assert answer.code == 0, answer.err
    assert "public address of the worker" in {part["name"] for part in answer.json["parts"]}
