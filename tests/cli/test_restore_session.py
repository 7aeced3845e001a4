"""`tidemark restore-session` shows what a worker recorded."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import NOW
from tidemark.errors import RestoreNotFound
from tidemark.sessions.restore_session import RestoreJob, RestoreSession
from tidemark.sessions.restores import open_restore
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


@pytest.mark.parametrize("name", ["restore-2", "a b", "../x"])
def test_an_unknown_session_is_refused(tidemark, deployment, name) -> None:
    assert tidemark("restore-session", name).code == RestoreNotFound.exit_code
