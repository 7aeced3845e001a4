"""Retentions that an alarm postpones and sets back, with AWS Backup's answers in its own shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.aws.account import ACCOUNT, REGION, the_clients
from tests.sessions.memory_store import MemoryStore
from tests.sessions.world import new_session
from tidemark.aws.damage_hold import LEAST_DAYS_AFTER_RELEASE, hold, last_good_points, plan_hold, set_back
from tidemark.policy.policy import LONGEST_KEEP_DAYS
from tidemark.sessions.damage_alarms import DamageAlarm, HeldPoint
from tidemark.sessions.indexing import Association
from tidemark.sessions.overlap import open_session
from tidemark.sessions.schema import INDEXES
from tidemark.sessions.session import FileSystem, Point
from tidemark.sessions.transactions import Put

FS = FileSystem(ACCOUNT, REGION, "fs-0123456789abcdef0")
NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
DAY = timedelta(days=1)
ALARM = DamageAlarm(
    file_system=FS,
    first_index_id="index-5",
    newest_index_id="index-5",
    last_good_index_id="index-4",
    raised_at=NOW,
    findings=(),
    directories=(),
)
HELD = HeldPoint(
    recovery_point_arn=f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:4",
    account=ACCOUNT,
    region=REGION,
    vault="tidemark",
    keep_days=35,
    cold_after_days=None,
    held_days=100,
)


def recorded(*numbers: int) -> MemoryStore:
    """Records of one session for each index, with one point."""
    store = MemoryStore()
    for number in numbers:
        point = Point(
            recovery_point_arn=f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:{number}",
            kind="backup",
            account=ACCOUNT,
            region=REGION,
            vault="tidemark",
            job_id=f"job-{number}",
            size_bytes=1,
            completed_at=NOW,
        )
        name = f"session-{number}"
        session = replace(new_session(name), file_system=FS, points=(point,))
        open_session(store, session, NOW)
        association = Association(
            file_system=FS,
            recovery_point_arn=point.recovery_point_arn,
            index_id=f"index-{number}",
            session_id=name,
        )
        store.transact(Put(table=INDEXES, item=association.to_item()))
    return store


def planned(store: MemoryStore, *answers: Mapping[str, Any] | str, hold_days: int = 90) -> Any:
    clients = the_clients()
    with Stubber(clients.of("backup", REGION)) as stub:
        for answer in answers:
            if isinstance(answer, str):
                stub.add_client_error("describe_recovery_point", answer, "the reason")
            else:
                stub.add_response("describe_recovery_point", dict(answer))
        found = plan_hold(lambda _: clients, store, ALARM, hold_days, NOW)
        stub.assert_no_pending_responses()
        return found


def described(age_days: float, **lifecycle: int) -> dict[str, Any]:
    return {"CreationDate": NOW - age_days * DAY, "Lifecycle": lifecycle}


def test_the_points_of_the_newest_good_indexes_are_found():
    found = list(last_good_points(recorded(2, 4, 5, 6), ALARM))
    assert [index_id for index_id, _ in found] == ["index-4", "index-2"]
    assert [point.job_id for _, points in found for point in points] == ["job-4", "job-2"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    age=st.floats(0, 400),
    keep=st.integers(1, LONGEST_KEEP_DAYS),
    hold_days=st.integers(1, 2_000),
    cold=st.one_of(st.none(), st.integers(1, 400)),
)
def test_a_point_is_kept_for_the_whole_time_and_never_shorter(age, keep, hold_days, cold):
    more = {} if cold is None else {"MoveToColdStorageAfterDays": cold}
    answer = described(age, DeleteAfterDays=keep, **more)
    found = planned(recorded(4), answer, hold_days=hold_days)
    ends = answer["CreationDate"] + keep * DAY
    if found.points:
        (point,) = found.points
        ends = answer["CreationDate"] + point.held_days * DAY
        assert (point.keep_days, point.cold_after_days) == (keep, cold)
        assert point.held_days > keep
        if cold is not None:
            assert point.held_days >= cold + 90
    assert ends >= NOW + hold_days * DAY
    assert not found.problems


def test_a_point_that_is_kept_forever_needs_no_change():
    for lifecycle in ({}, {"DeleteAfterDays": -1}):
        assert planned(recorded(4), described(3, **lifecycle)).points == ()


def test_without_points_of_the_last_good_index_an_earlier_index_is_used():
    found = planned(recorded(2, 4), "ResourceNotFoundException", described(30, DeleteAfterDays=35))
    assert [point.recovery_point_arn[-1] for point in found.points] == ["2"]
    assert len(found.problems) == 1
    gone = planned(recorded(4), "AccessDeniedException")
    assert gone.points == ()
    assert "no recovery point before the damage exists" in gone.problems[-1]


def test_a_throttled_call_is_tried_again_by_the_state_machine():
    with pytest.raises(ClientError):
        planned(recorded(4), "ThrottlingException")


def change(point: HeldPoint, days: int, error: str = "", **lifecycle: int) -> str:
    clients = the_clients()
    with Stubber(clients.of("backup", REGION)) as stub:
        if error:
            stub.add_client_error("update_recovery_point_lifecycle", error, "the vault is locked")
        else:
            expected = {
                "BackupVaultName": point.vault,
                "RecoveryPointArn": point.recovery_point_arn,
                "Lifecycle": {"DeleteAfterDays": days, **lifecycle},
            }
            stub.add_response("update_recovery_point_lifecycle", {}, expected)
        return hold(lambda _: clients, point)


def test_holding_passes_both_numbers_of_the_lifecycle():
    assert change(HELD, 100) == ""
    cold = replace(HELD, cold_after_days=7)
    assert change(cold, 100, MoveToColdStorageAfterDays=7) == ""


def test_the_refusal_of_a_locked_vault_is_a_problem_and_no_error():
    problem = change(HELD, 100, "InvalidRequestException")
    assert HELD.recovery_point_arn in problem
    assert "the vault is locked" in problem


@pytest.mark.parametrize(
    ("age", "keep", "expected"), [(3, 35, 35), (34, 35, 34 + LEAST_DAYS_AFTER_RELEASE), (80, 35, 87)]
)
def test_the_retention_is_set_back_and_no_point_is_deleted_at_once(age, keep, expected):
    clients = the_clients()
    with Stubber(clients.of("backup", REGION)) as stub:
        stub.add_response("describe_recovery_point", described(age, DeleteAfterDays=100))
        lifecycle = {"DeleteAfterDays": expected}
        stub.add_response(
            "update_recovery_point_lifecycle",
            {},
            {
                "BackupVaultName": "tidemark",
                "RecoveryPointArn": HELD.recovery_point_arn,
                "Lifecycle": lifecycle,
            },
        )
        assert set_back(lambda _: clients, replace(HELD, keep_days=keep), NOW) == ""
        stub.assert_no_pending_responses()


def test_a_point_that_was_deleted_needs_no_retention():
    clients = the_clients()
    with Stubber(clients.of("backup", REGION)) as stub:
        stub.add_client_error("describe_recovery_point", "ResourceNotFoundException")
        assert set_back(lambda _: clients, HELD, NOW) == ""
        stub.add_client_error("describe_recovery_point", "AccessDeniedException", "not allowed")
        assert "not allowed" in set_back(lambda _: clients, HELD, NOW)
