"""The sweeper closes stopped restore tests, and starts those whose event did not arrive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas._handler import Deployment
from tests.aws.account import ACCOUNT, MACHINES, REGION
from tests.lambdas.restore_test.tested import (
    JOB,
    RUN,
    Backup,
    configured,
    opened,
    record,
    targets,
)
from tidemark.aws.clients import Clients
from tidemark.sessions.restore_tests import enter_test_phase
from tidemark.sessions.session import SessionStatus
from tidemark.sessions.sweep_schedule import SWEEP_GRACE


def aged(deployment: Deployment, clients: Clients) -> None:
    """Let the execution of the recorded test be aborted, long ago."""
    states = clients.of("stepfunctions", REGION)
    states.create_state_machine(
        name="tidemark-restore-test",
        definition='{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 9, "End": true}}}',
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/states",
    )
    arn = states.start_execution(stateMachineArn=f"{MACHINES}-restore-test", name="e")["executionArn"]
    states.stop_execution(executionArn=arn)
    long_ago = (datetime.now(UTC) - SWEEP_GRACE - timedelta(minutes=1)).isoformat()
    clients.of("dynamodb", REGION).update_item(
        TableName="tidemark-restores",
        Key={"restore_id": {"S": RUN}},
        UpdateExpression="SET execution_arn = :e, started_at = :t",
        ExpressionAttributeValues={":e": {"S": arn}, ":t": {"S": long_ago}},
    )


def test_an_aborted_test_is_closed_once_its_mount_targets_are_gone(
    call: Any,
    indexed: Deployment,
    backup: Backup,
    clients: Clients,
    restored: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configured(call, opened(call))
    aged(indexed, clients)
    with monkeypatch.context() as patch:
        patch.setattr("lambdas.sweep.remove_mount_targets", lambda *_: False)
        assert call("sweep", {})["aborted_restores"] == []
    assert record(indexed).status is SessionStatus.RUNNING
    swept = [call("sweep", {})["aborted_restores"] for _ in range(3)]
    assert [RUN] in swept
    assert targets(clients, restored) == []
    assert record(indexed).status is SessionStatus.ABORTED
    assert backup.results == []
    session = enter_test_phase(indexed.records, record(indexed), "mounting")
    assert session.status is SessionStatus.RUNNING, "a redrive continues it"


def test_a_test_whose_event_did_not_arrive_is_started_once(
    call: Any, indexed: Deployment, backup: Backup, clients: Clients, missed: list[str]
) -> None:
    opened(call)
    aged(indexed, clients)  # for the state machine
    missed.append(JOB)
    assert call("sweep", {})["started_tests"] == [JOB]
    listed = clients.of("stepfunctions", REGION).list_executions(stateMachineArn=f"{MACHINES}-restore-test")[
        "executions"
    ]
    assert f"missed-{JOB}" in {execution["name"] for execution in listed}
