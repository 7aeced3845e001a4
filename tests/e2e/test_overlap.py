"""The overlap rule on running state machines; tests/sessions/test_interleavings.py covers every order."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud import Fault
from tests.e2e.conftest import SECONDS, Deployed, until

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]


def hold_the_index(deployed: Deployed) -> None:
    """Delay the worker's last write until the faults are cleared, so that its indexing session is running."""
    deployed.cloud.faults.add(
        Fault(service="s3", operation="PutObject", action="delay", match=r"proposal\.json", seconds=SECONDS)
    )


def indexing(deployed: Deployed, session_id: str) -> dict[str, Any]:
    """Wait until the session's index is in progress; return the session."""
    return until(lambda: deployed.session(session_id), lambda session: session["index_id"] is not None)


def test_a_session_that_overlaps_launches_no_second_worker(deployed: Deployed) -> None:
    hold_the_index(deployed)
    before = set(deployed.executions("indexing-session"))
    first = deployed.start("home")
    index_id = indexing(deployed, first)["index_id"]
    second = deployed.start("home")
    assert indexing(deployed, second)["index_id"] == index_id
    deployed.cloud.faults.clear()
    sessions = [deployed.ended(first), deployed.ended(second)]
    assert [session["status"] for session in sessions] == ["success", "success"]
    assert {session["index_id"] for session in sessions} == {index_id}
    assert set(deployed.executions("indexing-session")) - before == {index_id}
    associations = deployed.associations()
    points = [point["recovery_point_arn"] for session in sessions for point in session["points"]]
    assert len(points) == 4
    assert {associations[point] for point in points} == {index_id}


def test_a_stopped_indexing_session_is_swept_and_the_next_session_indexes_again(deployed: Deployed) -> None:
    """An aborted execution runs no Catch: the lease and the worker remain until the sweeper runs."""
    hold_the_index(deployed)
    first = deployed.start("team")
    index_id = indexing(deployed, first)["index_id"]
    until(deployed.cloud.worker_processes, lambda workers: workers != [])
    deployed.cloud.client("stepfunctions").stop_execution(
        executionArn=deployed.executions("indexing-session")[index_id]
    )
    make_leases_old(deployed)
    deployed.sweep()
    session = deployed.ended(first)
    assert session["status"] == "warning"
    assert "ABORTED" in " ".join(session["reasons"])
    assert (
        deployed.associations().keys().isdisjoint(point["recovery_point_arn"] for point in session["points"])
    )
    until(deployed.cloud.worker_processes, lambda workers: workers == [])
    deployed.cloud.faults.clear()

    again = deployed.run("team")
    assert again["status"] == "success"
    assert again["index_id"] != index_id


def make_leases_old(deployed: Deployed) -> None:
    """Age the leases by ten minutes: the sweeper leaves younger ones to their own sessions."""
    client = deployed.cloud.client("dynamodb")
    for item in deployed.records("indexes"):
        if item["record"] == "lease":
            client.update_item(
                TableName="tidemark-indexes",
                Key={"file_system": {"S": item["file_system"]}, "record": {"S": "lease"}},
                UpdateExpression="SET expires_at = :long_ago",
                ExpressionAttributeValues={":long_ago": {"S": "2026-01-01T00:00:00+00:00"}},
            )
