"""A restore session opens only if its plan can be executed, and waits for its turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas._handler import Deployment
from tests.aws.account import ACCOUNT, REGION
from tests.aws.restore_plans import plan_of, point_plan
from tests.lambdas.restore.restoring import RUN, TWO_POINTS, Session
from tidemark.errors import (
    ConfigurationError,
    NoMountTarget,
    NotRestorable,
    RestoreFailed,
    RestoreNotFound,
)
from tidemark.restore.plan import Plan
from tidemark.sessions.polling import next_wait
from tidemark.sessions.session import SessionStatus


def test_an_opened_session_is_recorded_once(session: Session) -> None:
    first = session.record
    assert (first.restore_id, first.plan_id, first.status) == (RUN, "plan-1", SessionStatus.RUNNING)
    assert session.open() == session.value
    assert session.record == first


def test_the_console_can_run_a_plan_again_under_another_name(session: Session) -> None:
    again = Session(session.call, session.deployment, session.plan, "0b1e6a2c-9f0d-4c0e-8f57-1d2b1f5f7a10")
    again.open()
    assert again.record.restore_id != session.record.restore_id
    assert again.record.jobs == ()


@pytest.mark.parametrize("name", ["again!", "a.b", "née", "x" * 81, ""])
def test_an_execution_name_that_ecs_refuses_is_refused_before_anything_is_restored(
    session: Session, name: str
) -> None:
    with pytest.raises(ConfigurationError, match="letters, digits, hyphens and underscores"):
        session.open(restore_id=name)


COPY = point_plan(
    ["/x"], region="eu-west-1", recovery_point_arn="arn:aws:backup:eu-west-1:1:recovery-point:2"
)
WRONG_PLANS: dict[str, tuple[Plan, str]] = {
    "a copy in another Region": (
        plan_of(*TWO_POINTS.points, COPY),
        "is a copy in eu-west-1.*start-restore-job",
    ),
    "nothing": (plan_of(), "contains nothing to restore"),
}


@pytest.mark.parametrize("wrong", WRONG_PLANS)
def test_a_plan_that_cannot_be_executed_is_refused_with_the_next_step(
    call: Any, deployment: Deployment, file_system: str, wrong: str
) -> None:
    plan, words = WRONG_PLANS[wrong]
    refused = Session(call, deployment, replace(plan, file_system_id=file_system))
    with pytest.raises(NotRestorable, match=words):
        refused.open()
    with pytest.raises(RestoreNotFound):
        refused.record  # noqa: B018 - raises


def test_a_plan_of_another_file_system_is_refused(
    call: Any, deployment: Deployment, file_system: str
) -> None:
    made = Session(call, deployment, replace(TWO_POINTS, file_system_id=file_system))
    key = f"below/restores/{ACCOUNT}/{REGION}/{file_system}/plans/plan-1.json"
    s3 = deployment.clients.of("s3", REGION)
    body = s3.get_object(Bucket="repository", Key=key)["Body"].read()
    other = "fs-0aaaaaaaaaaaaaaaa"
    s3.put_object(Bucket="repository", Key=key.replace(file_system, other), Body=body)
    with pytest.raises(NotRestorable, match="start it for the file system of the plan"):
        made.open(file_system=other)


def test_a_replaced_plan_and_a_file_system_without_mount_target_are_refused(
    call: Any, deployment: Deployment, session: Session
) -> None:
    with pytest.raises(RestoreFailed, match="not the one that was confirmed"):
        session.open(sha256="0" * 64)
    lonely = deployment.clients.of("efs", REGION).create_file_system(CreationToken="2")["FileSystemId"]
    with pytest.raises(NoMountTarget):
        Session(call, deployment, replace(TWO_POINTS, file_system_id=lonely), "restore-2").open()


def test_a_session_waits_longer_and_longer_until_the_other_has_ended(session: Session) -> None:
    other = Session(session.call, session.deployment, session.plan, "restore-2")
    other.open()
    assert session.take()["is_mine"]
    assert session.take()["is_mine"], "a repeated call"
    waits, waited = [], 0
    for _ in range(12):
        turn = other.take(waited)
        assert not turn["is_mine"]
        assert turn["wait_seconds"] == next_wait(timedelta(seconds=waited)).total_seconds()
        assert turn["waited_seconds"] == waited + turn["wait_seconds"]
        waited = turn["waited_seconds"]
        waits.append(turn["wait_seconds"])
    assert waits == sorted(waits)
    assert other.record.phase == "turn"
    session.close(totals={"placed": 1})
    assert other.take(waited)["is_mine"]
    assert other.record.phase == "jobs"
