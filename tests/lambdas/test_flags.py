"""The flags of scheduled runs, from the scheduled time to the lifecycles that AWS Backup is given."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from lambdas._handler import Deployment
from tests.aws.account import NIGHTLY, REGION
from tests.lambdas.conftest import POINT, STARTED, deploy_policy
from tidemark.aws.clients import Clients
from tidemark.policy.calendars import Calendar, Recurrence, Retention
from tidemark.policy.day_rules import WEEKDAYS, day_rule
from tidemark.policy.policy import CopyTarget
from tidemark.sessions.records import read_session

SUNDAY = "2027-02-28T01:00:00Z"  # 02:00 in Berlin, and the last day of the month
MONDAY = "2027-03-01T01:00:00Z"
AT = (time(2),)
COLD = Retention(keep_days=400, cold_after_days=30)
CALENDAR = Calendar(
    time_zone="Europe/Berlin",
    recurrences=(
        Recurrence(flag="D", at=AT, on=tuple(map(day_rule, WEEKDAYS)), retention=Retention(keep_days=14)),
        Recurrence(flag="M", at=AT, on=(day_rule("last day"),), retention=COLD),
    ),
)
COPY = CopyTarget(
    region="eu-west-1",
    vault="copies",
    keep_days=800,
    retentions=(("M", Retention(keep_days=800, cold_after_days=60)),),
)


@pytest.fixture
def flagged(clients: Clients, file_system: str) -> str:
    """The file system of the policy, which has a calendar."""
    policy = replace(NIGHTLY, file_systems=(file_system,), calendar=CALENDAR, copies=(COPY,))
    deploy_policy(clients, policy)
    return file_system


def opened(call: Any, name: str, file_system: str, scheduled_time: str | None) -> Any:
    event = {
        "session_id": name,
        "execution_arn": f"arn:{name}",
        "policy": "nightly",
        "file_system": file_system,
        "scheduled_time": scheduled_time,
    }
    return call("open_session", event)


@pytest.mark.parametrize(
    ("scheduled_time", "flags", "lifecycle", "copies"),
    [
        (SUNDAY, ("D", "M"), {"DeleteAfterDays": 400, "MoveToColdStorageAfterDays": 30}, [(800, 60)]),
        (MONDAY, ("D",), {"DeleteAfterDays": 14}, []),
        (None, (), {"DeleteAfterDays": 35}, []),
    ],
)
def test_the_flags_of_the_scheduled_time_give_the_lifecycle(
    call: Any,
    clients: Clients,
    deployment: Deployment,
    flagged: str,
    scheduled_time: str | None,
    flags: tuple[str, ...],
    lifecycle: dict[str, int],
    copies: list[tuple[int, int]],
) -> None:
    session = opened(call, "s", flagged, scheduled_time)
    assert [(copy["keep_days"], copy["cold_after_days"]) for copy in session["copies"]] == copies
    assert read_session(deployment.records, "s").flags == flags
    names = "BackupVaultName ResourceArn IamRoleArn IdempotencyToken StartWindowMinutes CompleteWindowMinutes"
    expected = dict.fromkeys(names.split(), ANY)
    tags = {"session": "s", "days": str(lifecycle["DeleteAfterDays"])}
    with Stubber(clients.of("backup", REGION)) as backup:
        backup.add_response(
            "start_backup_job",
            {"BackupJobId": "job", "RecoveryPointArn": POINT},
            {**expected, "Lifecycle": lifecycle, "RecoveryPointTags": tags},
        )
        call("start_backup", {"session": session, "attempt": 0})
    (job,) = read_session(deployment.records, "s").jobs
    assert job.keep_days == lifecycle["DeleteAfterDays"]
    assert job.cold_after_days == lifecycle.get("MoveToColdStorageAfterDays")


def test_a_copy_has_the_lifecycle_of_its_own_retention(
    call: Any, clients: Clients, deployment: Deployment, flagged: str
) -> None:
    session = opened(call, "s", flagged, SUNDAY)
    expected = dict.fromkeys(
        ["RecoveryPointArn", "SourceBackupVaultName", "DestinationBackupVaultArn", "IamRoleArn"], ANY
    )
    lifecycle = {"DeleteAfterDays": 800, "MoveToColdStorageAfterDays": 60}
    event = {"session": session, "attempt": 0, "recovery_point_arn": POINT, "target": session["copies"][0]}
    with Stubber(clients.of("backup", REGION)) as backup:
        backup.add_response(
            "start_copy_job",
            {"CopyJobId": "copy"},
            {**expected, "IdempotencyToken": ANY, "Lifecycle": lifecycle},
        )
        call("start_copy", event)
    (job,) = read_session(deployment.records, "s").jobs
    assert (job.keep_days, job.cold_after_days) == (800, 60)


@pytest.mark.parametrize(
    ("cold_days", "issue"), [(30, ""), (90, "AWS Backup moves it on"), (None, "never moves it")]
)
def test_the_cold_storage_that_aws_backup_reports_is_compared_with_the_requested_one(
    call: Any, clients: Clients, deployment: Deployment, flagged: str, cold_days: int | None, issue: str
) -> None:
    session = opened(call, "s", flagged, SUNDAY)
    created = datetime.fromisoformat(SUNDAY)
    lifecycle = {"DeleteAt": created + timedelta(days=400)}
    if cold_days is not None:
        lifecycle["MoveToColdStorageAt"] = created + timedelta(days=cold_days)
    done = {
        "State": "COMPLETED",
        "RecoveryPointArn": POINT,
        "BackupVaultName": "tidemark",
        "CompletionDate": created,
    }
    with Stubber(clients.of("backup", REGION)) as backup:
        backup.add_response("start_backup_job", {"BackupJobId": "job", "RecoveryPointArn": POINT})
        call("start_backup", {"session": session, "attempt": 0})
        backup.add_response("describe_backup_job", done)
        backup.add_response(
            "describe_recovery_point", {"CreationDate": created, "CalculatedLifecycle": lifecycle}
        )
        call("check_backup", {"session": session, "backup": STARTED})
    (point,) = read_session(deployment.records, "s").points
    assert issue in point.issues
    assert bool(point.issues) == bool(issue)


def test_two_schedules_of_the_same_minute_name_the_same_sessions(call: Any, flagged: str) -> None:
    event = {"policy": "nightly", "scheduled_time": SUNDAY, "started_at": SUNDAY}
    one = call("resolve_policy", event)
    other = call("resolve_policy", {**event, "only_if_due": True, "started_at": "2027-02-28T01:00:40Z"})
    assert one == other
    assert one["sessions"]


@pytest.mark.parametrize(
    ("scheduled_time", "sessions"),
    [
        ("2027-03-28T01:00:00Z", 1),  # 02:00 is skipped and becomes 03:00
        ("2027-03-21T02:00:00Z", 0),  # 03:00 on the Sunday before
    ],
)
def test_the_schedule_of_skipped_times_starts_sessions_only_when_they_are_due(
    call: Any, flagged: str, scheduled_time: str, sessions: int
) -> None:
    event = {"policy": "nightly", "scheduled_time": scheduled_time, "started_at": scheduled_time}
    assert len(call("resolve_policy", {**event, "only_if_due": True})["sessions"]) == sessions
    assert len(call("resolve_policy", event)["sessions"]) == 1, (
        "a run is not lost if the schedule was changed"
    )
