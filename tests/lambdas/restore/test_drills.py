"""A drill's file system is removed: at the end, after a failure, and by the sweeper after a stop."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas import sweep
from lambdas._handler import Deployment
from tests.aws.account import FS, MACHINES, REGION
from tests.sessions.restore_examples import new_restore
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.aws.executions import execution_arn
from tidemark.errors import NotRestorable, RestoreFailed
from tidemark.sessions.restore_session import Kind, RestoreJob
from tidemark.sessions.restores import open_restore, read_restore, record_restore_job, take_turn
from tidemark.sessions.session import SessionStatus
from tidemark.sessions.sweep_schedule import SWEEP_GRACE

RUN = "restore-1"
NOTHING = {"is_removed": False, "waited_seconds": 0, "wait_seconds": 0}


@pytest.fixture
def created(clients: Clients) -> str:
    """A file system with a mount target, as a drill has created it."""
    ec2, efs = clients.of("ec2", REGION), clients.of("efs", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    made = efs.create_file_system(CreationToken="drill")["FileSystemId"]
    efs.create_mount_target(FileSystemId=made, SubnetId=subnet)
    return made


def record(deployment: Deployment, created: str, kind: Kind = "drill") -> Any:
    """Record a session that has created a file system, old enough for a sweep; return its value."""
    session = replace(
        new_restore(RUN, FS),
        is_new=True,
        kind=kind,
        execution_arn=execution_arn(f"{MACHINES}-restore-session", RUN),
        started_at=utc_now() - SWEEP_GRACE - timedelta(minutes=1),
    )
    open_restore(deployment.records, session)
    take_turn(deployment.records, FS, RUN)
    job = RestoreJob(
        job_id="job",
        point=0,
        first=0,
        end=1,
        attempt=0,
        started_at=utc_now(),
        state="COMPLETED",
        created=created,
    )
    record_restore_job(deployment.records, RUN, job)
    return {
        "restore_id": RUN,
        "plan": "plan-1",
        "sha256": "",
        "file_system": FS.file_system_id,
        "policy": "",
        "is_new": True,
        "is_drill": kind == "drill",
    }


def exist(clients: Clients) -> list[str]:
    return [each["FileSystemId"] for each in clients.of("efs", REGION).describe_file_systems()["FileSystems"]]


def deny(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DeleteMountTarget")

    monkeypatch.setattr(clients.of("efs", REGION), "delete_mount_target", denied)


def test_a_drill_is_removed_in_steps_and_its_removal_is_recorded(
    call: Any, clients: Clients, deployment: Deployment, created: str
) -> None:
    value = record(deployment, created)
    first = call("remove_file_system", {"restore": value, "removal": NOTHING})
    assert not first["is_removed"]
    assert exist(clients) == [created]
    for _ in range(2):  # a repeated call has nothing left to do
        assert call("remove_file_system", {"restore": value, "removal": first})["is_removed"]
    assert exist(clients) == []
    assert read_restore(deployment.records, RUN).is_removed
    closed = call("close_restore", {"restore": value, "failure": {"Error": "X", "Cause": "{}"}})
    assert "delete-file-system" not in " ".join(closed["reasons"])


def test_the_file_system_of_a_restore_is_never_removed(
    call: Any, clients: Clients, deployment: Deployment, created: str
) -> None:
    value = record(deployment, created, kind="restore")
    with pytest.raises(NotRestorable, match="is no drill"):
        call("remove_file_system", {"restore": value, "removal": NOTHING})
    assert exist(clients) == [created]


def test_mount_targets_that_stay_end_the_drill_after_an_hour(
    call: Any, deployment: Deployment, created: str
) -> None:
    value = record(deployment, created)
    with pytest.raises(RestoreFailed, match=f"mount targets of {created} still exist after 60 minutes"):
        call("remove_file_system", {"restore": value, "removal": {**NOTHING, "waited_seconds": 3600}})


def test_a_drill_that_has_created_nothing_has_nothing_to_remove(call: Any, deployment: Deployment) -> None:
    value = record(deployment, "")
    assert call("remove_file_system", {"restore": value, "removal": NOTHING})["is_removed"]


@pytest.mark.parametrize("redrive_count", [0, 1])
def test_a_failed_drill_ends_after_a_redrive_too(
    call: Any, deployment: Deployment, created: str, redrive_count: int
) -> None:
    failed = {
        "restore": record(deployment, created),
        "attempt": 0,
        "redrive_count": redrive_count,
        "reasons": ["a file is missing"],
    }
    with pytest.raises(RestoreFailed, match=f"a file is missing; .* tidemark drill {FS.file_system_id}"):
        call("fail_restore", failed)


@pytest.mark.parametrize(
    ("totals", "status"),
    [
        ({"placed": 3, "differences": 0}, "success"),
        ({"placed": 3, "differences": 1}, "failed"),
        ({"placed": 3, "failed": 1}, "failed"),
        ({"placed": 3, "not_compared": 1}, "failed"),
        ({}, "failed"),
    ],
)
def test_a_drill_succeeds_only_if_everything_is_as_in_the_index(
    call: Any, deployment: Deployment, created: str, totals: dict[str, int], status: str
) -> None:
    value = record(deployment, created)
    assert call("close_restore", {"restore": value, "totals": totals})["status"] == status


def test_the_sweeper_removes_the_file_system_of_a_stopped_drill_before_it_closes_the_session(
    call: Any, clients: Clients, deployment: Deployment, created: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(deployment, created)
    monkeypatch.setattr(sweep, "ended_as", lambda *_: "ABORTED")
    assert call("sweep", {})["aborted_restores"] == []
    assert exist(clients) == [created]
    assert call("sweep", {})["aborted_restores"] == [RUN]
    assert exist(clients) == []
    session = read_restore(deployment.records, RUN)
    assert (session.status, session.is_removed) == (SessionStatus.ABORTED, True)
    assert "start another drill" in session.reasons[0]
    assert "delete-file-system" not in " ".join(session.reasons)


def test_a_file_system_that_the_sweeper_may_not_remove_is_named(
    call: Any, clients: Clients, deployment: Deployment, created: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(deployment, created)
    monkeypatch.setattr(sweep, "ended_as", lambda *_: "ABORTED")
    deny(clients, monkeypatch)
    assert call("sweep", {})["aborted_restores"] == [RUN]
    session = read_restore(deployment.records, RUN)
    assert f"delete-file-system --file-system-id {created}" in session.reasons[-1]


def test_the_sweeper_keeps_the_file_system_of_a_stopped_restore(
    call: Any, clients: Clients, deployment: Deployment, created: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(deployment, created, kind="restore")
    monkeypatch.setattr(sweep, "ended_as", lambda *_: "ABORTED")
    assert call("sweep", {})["aborted_restores"] == [RUN]
    assert exist(clients) == [created]
