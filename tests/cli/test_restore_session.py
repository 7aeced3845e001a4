"""`tidemark restore-session` shows what a worker recorded."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.aws.restore_plans import plan_of, point_plan
from tests.cli.conftest import NOW
from tidemark.errors import RestoreNotFound
from tidemark.sessions.restore_session import RestoreJob, RestoreSession
from tidemark.sessions.restores import open_restore, take_turn
from tidemark.sessions.session import SessionStatus

JOB = RestoreJob(job_id="job-1", point=0, first=0, end=1, attempt=0, started_at=NOW, state="COMPLETED")
LEFT = "aws-backup-restore_2026-11-29T17-14-36-679652916Z"


@pytest.fixture
def ended(deployment) -> str:
    """The id of a restore session that ended with a conflict."""
    session = RestoreSession(
        restore_id="restore-1",
        plan_id="plan-1",
        file_system=deployment.file_system,
        execution_arn="arn:restore-1",
        started_at=NOW,
        ended_at=NOW,
        status=SessionStatus.WARNING,
        phase="ended",
        reasons=("1 directory left in the root of the file system",),
        jobs=(JOB,),
        totals={"placed": 1, "conflict": 1, "left_directories": 1},
    )
    open_restore(deployment.records, session)
    results = f"restores/{deployment.file_system}/restore-1/results/"
    problem = {"path": "/a\\x0ab", "outcome": "conflict", "reason": "it exists"}
    deployment.store.put(f"{results}problems-job-1.jsonl", json.dumps(problem).encode())
    deployment.store.put(f"{results}left.json", json.dumps([LEFT]).encode())
    return session.restore_id


def test_the_directories_with_what_was_not_placed_are_named(tidemark, ended) -> None:
    result = tidemark("restore-session", ended)
    assert result.code == 0, result.err
    assert f"  /{LEFT}\n" in result.out
    assert "/a\\x0ab: conflict: it exists" in result.out
    document = tidemark("restore-session", ended, "--json").document
    assert document["left_directories"] == [LEFT]
    assert [each["path"] for each in document["problems"]] == ["/a\\x0ab"]


def test_a_session_that_left_nothing_lists_nothing(tidemark, deployment, ended) -> None:
    key = f"restores/{deployment.file_system}/restore-1/results/left.json"
    deployment.store.put(key, b"[]")
    assert "left in the root, with" not in tidemark("restore-session", ended).out


def test_the_removed_file_system_of_a_drill_and_what_its_failed_job_did_not_restore_are_shown(
    tidemark, deployment
) -> None:
    plan = plan_of(point_plan(["/a/1", "/a/2", "/b"]))
    deployment.store.put(f"restores/{deployment.file_system}/plans/{plan.plan_id}.json", plan.to_json())
    done = replace(JOB, created="fs-5")
    failed = replace(JOB, job_id="job-2", first=1, end=3, state="FAILED", message="No such file or directory")
    session = RestoreSession(
        restore_id="drill-1",
        plan_id=plan.plan_id,
        file_system=deployment.file_system,
        execution_arn="arn:drill-1",
        started_at=NOW,
        ended_at=NOW,
        status=SessionStatus.FAILED,
        phase="ended",
        jobs=(done, failed),
        is_new=True,
        kind="drill",
        is_removed=True,
    )
    open_restore(deployment.records, session)
    result = tidemark("restore-session", "drill-1")
    assert "fs-5, removed" in result.out
    for path in ("/a/2", "/b"):
        assert f"{path}: not-restored: No such file or directory" in result.out
    assert "/a/1" not in result.out
    document = tidemark("restore-session", "drill-1", "--json").document
    assert [each["path"] for each in document["problems"]] == ["/a/2", "/b"]


def test_a_waiting_session_names_the_one_that_has_the_turn(tidemark, deployment, monkeypatch) -> None:
    monkeypatch.setattr("tidemark.aws.executions.ended_as", lambda *_: None)
    for name in ("restore-1", "restore-2"):
        session = RestoreSession(
            restore_id=name,
            plan_id="plan-1",
            file_system=deployment.file_system,
            execution_arn=f"arn:{name}",
            started_at=NOW,
        )
        open_restore(deployment.records, session)
    assert "waits for" not in tidemark("restore-session", "restore-2").out
    assert take_turn(deployment.records, deployment.file_system, "restore-1") is None
    assert take_turn(deployment.records, deployment.file_system, "restore-2") == "restore-1"
    assert "waits for restore-1, " in tidemark("restore-session", "restore-2").out
    assert "waits for" not in tidemark("restore-session", "restore-1").out


def test_a_stopped_session_states_when_other_restores_can_start(tidemark, deployment, monkeypatch) -> None:
    monkeypatch.setattr("tidemark.aws.executions.ended_as", lambda *_: "ABORTED")
    session = RestoreSession(
        restore_id="restore-1",
        plan_id="plan-1",
        file_system=deployment.file_system,
        execution_arn="arn:restore-1",
        started_at=NOW,
    )
    open_restore(deployment.records, session)
    out = tidemark("restore-session", "restore-1").out
    assert "its execution is ABORTED; redrive it, or restore again" in out
    assert "other restores wait until then" in out


@pytest.mark.parametrize("name", ["restore-2", "a b", "../x"])
def test_an_unknown_session_is_refused(tidemark, deployment, name) -> None:
    assert tidemark("restore-session", name).code == RestoreNotFound.exit_code
