"""Whether a file system counts as protected, and what is reported if it does not."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aws.account import NIGHTLY
from tidemark.answers.protection import Level, protection_of
from tidemark.aws.recovery_points import RecoveryPoint, Unlisted
from tidemark.errors import AccessDenied
from tidemark.policy.calendars import Calendar, Recurrence, Retention
from tidemark.policy.day_rules import day_rule
from tidemark.policy.pause import Pause
from tidemark.policy.policy import CopyTarget, DrillSettings, Schedule
from tidemark.sessions.damage_alarms import DamageAlarm
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.session import FileSystem, Session, SessionStatus
from tidemark.tags import open_tags

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
OWN = "fs-00000000000000001"
DAY = timedelta(days=1)
COPY = CopyTarget(region="eu-west-1", vault="copies", keep_days=90)


def policy(**fields):
    import dataclasses

    usual = {"schedule": Schedule(expression="rate(1 day)"), "copies": (COPY,), "index": True}
    return dataclasses.replace(NIGHTLY, file_systems=(OWN,), **usual | fields)


def point(age=timedelta(hours=12), **fields):
    usual = {
        "recovery_point_arn": f"arn:{age}",
        "region": "eu-central-1",
        "vault": "tidemark",
        "status": "COMPLETED",
        "created_at": NOW - age,
        "delete_at": None,
        "size_bytes": 1,
        "is_copy": False,
        "tags": open_tags({}, file_system="", keys={}, deployment="tidemark"),
    }
    return RecoveryPoint(**usual | fields)


def copy(age=timedelta(hours=12), **fields):
    return point(age, is_copy=True, region=COPY.region, vault=COPY.vault, **fields)


def session(status=SessionStatus.SUCCESS, reasons=()):
    return Session(
        session_id="nightly-1",
        policy="nightly",
        file_system=FileSystem("1", "eu-central-1", OWN),
        execution_arn="arn",
        opened_at=NOW - DAY,
        index_wanted=True,
        status=status,
        reasons=reasons,
    )


def protection(*points, policies=None, unlisted=(), last=None, drill=None, pauses=None, alarm=None, now=NOW):
    return protection_of(
        OWN,
        policies or (policy(),),
        [each if isinstance(each, tuple) else (each, "index-1") for each in points],
        unlisted,
        last or session(),
        drill,
        now,
        pauses=pauses,
        alarm=alarm,
    )


def test_a_recent_backup_with_copy_and_index_is_protected():
    found = protection(point(), copy())
    assert (found.level, found.findings) == (Level.OK, ())
    assert found.newest == point()
    assert found.index_id == "index-1"
    assert found.backups == 1


def test_an_open_damage_alarm_is_a_warning_with_its_findings():
    alarm = DamageAlarm(
        file_system=FileSystem("1", "eu-central-1", OWN),
        first_index_id="index-1",
        newest_index_id="index-2",
        last_good_index_id="index-0",
        raised_at=NOW,
        findings=("/home/: 400 of 500 files were replaced",),
        directories=("/home",),
    )
    found = protection(point(), copy(), alarm=alarm)
    assert (found.level, found.alarm) == (Level.WARNING, alarm)
    assert "since index index-1 look like damage: /home/: 400 of 500" in found.findings[0].what
    assert found.findings[0].next_step == f"tidemark damage show {OWN}"


def test_no_backup_and_no_usable_backup_are_unprotected():
    for points in ((), (copy(),), (point(status="EXPIRED"),)):
        found = protection(*points)
        assert found.level is Level.UNPROTECTED
        assert "tidemark run nightly --file-system" in found.findings[0].next_step


@given(st.integers(1, 60), st.integers(1, 200))
def test_a_backup_is_late_after_two_intervals(days, age_days):
    daily = policy(schedule=Schedule(expression=f"rate({days} days)"), copies=())
    found = protection(point(DAY * age_days), policies=(daily,))
    assert (found.level is Level.UNPROTECTED) == (age_days > max(2 * days, 26 / 24))


WEEKLY = Recurrence(flag="W", at=(time(2),), on=(day_rule("sunday"),), retention=Retention(keep_days=60))


@pytest.mark.parametrize(
    "weekly",
    [
        policy(schedule=Schedule(expression="cron(0 2 ? * SUN *)"), copies=()),
        policy(schedule=None, calendar=Calendar(recurrences=(WEEKLY,)), copies=()),
    ],
)
@pytest.mark.parametrize(("age_days", "late"), [(0.5, False), (6.9, False), (13.9, False), (14.1, True)])
def test_a_backup_on_some_days_is_late_after_two_of_these_days(weekly, age_days, late):
    """Made at 02:10 on a Sunday; the second Sunday after it is 14 days later."""
    made = datetime(2026, 11, 29, 2, 10, tzinfo=UTC)
    found = protection(point(created_at=made), last=session(), policies=(weekly,), now=made + age_days * DAY)
    assert found.level is (Level.UNPROTECTED if late else Level.OK), found.findings


def test_a_pause_is_a_warning_with_the_command_that_ends_it():
    pause = Pause(since=NOW - DAY, by="arn:me", reason="moving", until=NOW + DAY)
    found = protection(point(), copy(), pauses={"nightly": pause, "other": pause})
    assert found.level is Level.WARNING
    (finding,) = found.findings
    assert "paused until 2026-11-30 12:00:00 UTC by arn:me: moving" in finding.what
    assert finding.next_step == "tidemark policy resume nightly"


def test_the_most_frequent_policy_decides():
    often, seldom = policy(copies=()), policy(schedule=Schedule(expression="rate(30 days)"), copies=())
    assert protection(point(5 * DAY), policies=(seldom,)).level is Level.OK
    assert protection(point(5 * DAY), policies=(seldom, often)).level is Level.UNPROTECTED


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([point()], "no copy in eu-west-1"),
        ([point(30 * timedelta(hours=1)), copy(3 * DAY)], "is not of the newest backup"),
        ([(point(), None), copy()], "no index"),
    ],
)
def test_what_a_policy_requests_and_is_missing_is_a_warning(points, words):
    found = protection(*points)
    assert found.level is Level.WARNING
    assert any(words in finding.what for finding in found.findings)


def test_a_copy_that_may_still_be_running_is_no_finding():
    assert protection(point(timedelta(hours=3)), copy(DAY)).level is Level.OK
    assert protection((point(timedelta(hours=3)), None), copy(DAY)).level is Level.OK


def test_what_no_policy_requests_is_not_missed():
    modest = policy(copies=(), index=False)
    assert protection((point(), None), policies=(modest,)).level is Level.OK


def test_the_vault_of_another_account_is_not_judged():
    elsewhere = CopyTarget(region="eu-west-1", vault="copies", account="210987654321", keep_days=90)
    assert protection(point(), policies=(policy(copies=(elsewhere,)),)).level is Level.OK


@pytest.mark.parametrize("status", [SessionStatus.WARNING, SessionStatus.FAILED, SessionStatus.ABORTED])
def test_a_bad_end_of_the_last_session_is_reported_with_its_reasons(status):
    found = protection(point(), copy(), last=session(status, ("the disk is full",)))
    (finding,) = found.findings
    assert "the disk is full" in finding.what
    assert finding.next_step == "tidemark session nightly-1"


def test_a_policy_without_a_schedule_and_a_hidden_vault_are_reported():
    assert protection(point(9 * DAY), policies=(policy(schedule=None, copies=()),)).level is Level.WARNING
    hidden = Unlisted(region="eu-west-1", vault="copies", error=AccessDenied("denied; ask for it"))
    found = protection(point(), copy(), unlisted=(hidden,))
    assert any("could not be listed" in finding.what for finding in found.findings)


def drill(age, status=SessionStatus.SUCCESS):
    return RestoreSession(
        restore_id="drill-1",
        plan_id="plan-1",
        file_system=FileSystem("1", "eu-central-1", OWN),
        execution_arn="arn",
        started_at=NOW - age,
        status=status,
        kind="drill",
    )


def test_a_failed_drill_is_a_warning_and_an_old_one_if_drills_have_a_schedule():
    weekly = policy(drill=DrillSettings(schedule=Schedule(expression="rate(7 days)")))
    good = (point(), copy())
    assert protection(*good, drill=drill(DAY)).level is Level.OK
    assert protection(*good, drill=drill(300 * DAY)).level is Level.OK
    assert protection(*good, drill=drill(13 * DAY), policies=(weekly,)).level is Level.OK
    late = protection(*good, drill=drill(15 * DAY), policies=(weekly,))
    assert [finding.next_step for finding in late.findings] == [f"tidemark drill {OWN} --yes --wait"]
    (failed,) = protection(*good, drill=drill(DAY, SessionStatus.FAILED)).findings
    assert failed.next_step == "tidemark restore-session drill-1"


def test_every_finding_has_a_next_step():
    found = protection(
        (point(9 * DAY, tags=SimpleNamespace(problems=(SimpleNamespace(message="altered"),))), None),
        last=session(SessionStatus.FAILED),
    )
    assert len(found.findings) >= 4
    assert all(finding.next_step for finding in found.findings)
