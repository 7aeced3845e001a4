"""The measurement of coverage, and the daily report."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas._handler import Deployment
from tests.aws.account import FS, NIGHTLY
from tests.lambdas.conftest import deploy_policy
from tests.lambdas.test_metrics import written
from tests.lambdas.test_policy_run import paused
from tests.lambdas.test_retries import published as published
from tests.lambdas.test_retries import text_of
from tests.sessions.world import new_session
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.policy.policy import Policy, Schedule
from tidemark.policy.selection import Selection
from tidemark.sessions.outcome import Outcome
from tidemark.sessions.overlap import open_session
from tidemark.sessions.queries import close_session
from tidemark.sessions.scopes import record_scope
from tidemark.sessions.session import Point, SessionStatus

DAILY = replace(NIGHTLY, schedule=Schedule(expression="rate(1 day)"))
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _daily(deployment: Deployment, clients: Clients) -> None:
    deploy_policy(clients, DAILY)


def back_up(deployment: Deployment, name: str, age: timedelta, **fields: Any) -> None:
    """Record a session that made a backup some time ago, or failed."""
    now = utc_now()
    point = Point(
        recovery_point_arn=f"arn:{name}",
        kind="backup",
        account=FS.account,
        region=FS.region,
        vault="tidemark",
        job_id=name,
        size_bytes=1,
        completed_at=now - age,
    )
    made = replace(new_session(name), file_system=FS, opened_at=now - age, points=(point,))
    open_session(deployment.records, replace(made, **fields), now - age)


@pytest.mark.parametrize(("ages", "unprotected"), [((), 1), ((1, 9), 0), ((3, 9), 1), ((1.0,), 0)])
def test_file_systems_without_a_recent_backup_are_counted_and_logged(
    call: Any,
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    ages: tuple[float, ...],
    unprotected: int,
) -> None:
    for number, age in enumerate(ages):
        back_up(deployment, f"s{number}", age * DAY)
    back_up(deployment, "failed", timedelta(hours=1), points=(), status=SessionStatus.FAILED)
    result = call("report_protection", {})
    assert result == {"file_systems": 1, "unprotected": [FS.file_system_id] * unprotected}
    (metrics,) = written(capsys.readouterr().out)
    assert metrics["UnprotectedFileSystems"] == [float(unprotected)]
    assert ("OldestBackupAge" in metrics) == bool(ages)
    (line,) = [vars(record) for record in caplog.records if record.message == "protection"]
    assert line["file_system"] == FS.file_system_id
    assert line["policies"] == "nightly"
    assert bool(line["unprotected"]) == bool(unprotected)
    assert line["age_hours"] == (pytest.approx(24 * min(ages), abs=0.2) if ages else None)
    assert (line["newest_backup"] is None) == (not ages)


def test_a_file_system_that_is_only_backed_up_by_hand_is_not_unprotected(call: Any, clients: Clients) -> None:
    deploy_policy(clients, NIGHTLY)
    assert call("report_protection", {})["unprotected"] == []


def test_nothing_is_sent_without_being_asked_for(call: Any, published: list[dict[str, Any]]) -> None:
    call("report_protection", {})
    assert published == []


def test_the_report_has_what_an_administrator_can_act_on(
    call: Any, deployment: Deployment, clients: Clients, published: list[dict[str, Any]]
) -> None:
    back_up(deployment, "old", 5 * DAY)
    back_up(deployment, "failed", timedelta(hours=1), points=())
    failed = Outcome(status=SessionStatus.FAILED, reasons=("the vault is gone; create it",))
    close_session(deployment.records, "failed", failed, utc_now())
    paused(clients, None)
    call("report_protection", {"report": True})
    (message,) = published
    assert message["Subject"] == "Tidemark report: 1 unprotected, 1 failed, 1 sessions"
    assert message["MessageAttributes"] == {"status": {"DataType": "String", "StringValue": "report"}}
    text = text_of(message)
    assert "File systems: 1, unprotected: 1." in text
    assert ": 1 failed." in text
    assert f"{FS.file_system_id} (nightly): newest backup" in text
    assert "5 days ago; policy nightly has had two runs" in text
    assert f"tidemark run nightly --file-system {FS.file_system_id} --wait" in text
    assert "- the vault is gone; create it" in text
    assert "tidemark session failed" in text
    assert "tidemark policy resume nightly" in text
    assert "#dashboards:name=tidemark" in text


def test_a_report_of_a_good_day_says_that_there_is_nothing_to_do(
    call: Any, deployment: Deployment, published: list[dict[str, Any]]
) -> None:
    back_up(deployment, "good", timedelta(hours=2))
    close_session(deployment.records, "good", Outcome(status=SessionStatus.SUCCESS, reasons=()), utc_now())
    call("report_protection", {"report": True})
    text = text_of(published[0])
    assert "There is nothing to do." in text
    assert "Next step" not in text


def test_many_file_systems_are_measured_and_some_are_listed(
    call: Any, clients: Clients, published: list[dict[str, Any]]
) -> None:
    many: Policy = replace(DAILY, file_systems=tuple(f"fs-{number:017x}" for number in range(60)))
    deploy_policy(clients, many)
    assert len(call("report_protection", {"report": True})["unprotected"]) == 60
    assert "and 10 more" in text_of(published[0])


def test_a_policy_that_selects_file_systems_covers_those_of_its_last_run(
    call: Any, deployment: Deployment, clients: Clients
) -> None:
    deploy_policy(clients, replace(DAILY, file_systems=(), selection=Selection()))
    assert call("report_protection", {})["file_systems"] == 0
    record_scope(deployment.records, "nightly", [FS.file_system_id], utc_now())
    assert call("report_protection", {})["unprotected"] == [FS.file_system_id]
