"""`tidemark restores` and `tidemark restore-session` show the restore tests of AWS Backup."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.cli.conftest import NOW
from tidemark.cli.support.restore_progress import RestoreView, restore_steps
from tidemark.cli.support.session_progress import State
from tidemark.sessions.restore_session import RestoreJob, RestoreSession
from tidemark.sessions.restore_test import RestoreTest
from tidemark.sessions.restores import open_restore
from tidemark.sessions.session import SessionStatus

RUN = "test-job-1"
JOB = RestoreJob(
    job_id="job-1",
    point=0,
    first=0,
    end=1,
    attempt=0,
    started_at=NOW,
    state="COMPLETED",
    created="fs-0fedcba9876543210",
)
VERIFIED = RestoreTest(
    restore_job_id="job-1",
    recovery_point_arn="arn:point",
    backup_started_at=NOW,
    backup_ended_at=NOW,
    index_id="index",
    exact_index_id="exact",
    answer="FAILED",
)
LINES = [
    {
        "path": "/lost",
        "field": "missing",
        "expected": "f",
        "found": "",
        "verdict": "loss",
        "evidence": "nothing shows it",
    },
    {
        "path": "/owned",
        "field": "owner",
        "expected": "0",
        "found": "7",
        "verdict": "loss",
        "evidence": "nothing shows it",
    },
    {
        "path": "/written",
        "field": "size",
        "expected": "2",
        "found": "1",
        "verdict": "changed-since-backup",
        "evidence": "it changed at 02:00",
    },
]


@pytest.fixture
def session(deployment) -> RestoreSession:
    """A restore test that ended with losses."""
    return RestoreSession(
        restore_id=RUN,
        plan_id="",
        file_system=deployment.file_system,
        execution_arn="arn:execution",
        started_at=NOW,
        ended_at=NOW,
        status=SessionStatus.FAILED,
        phase="ended",
        reasons=("1 path missing",),
        jobs=(JOB,),
        totals={"compared": 9_000, "missing": 1, "different": 1, "changed_since_backup": 1, "differences": 2},
        is_new=True,
        kind="test",
        test=VERIFIED,
    )


@pytest.fixture
def ended(deployment, session) -> str:
    """The id of the recorded test."""
    open_restore(deployment.records, session)
    key = f"restores/{deployment.file_system}/{RUN}/results/differences-job-1.jsonl"
    deployment.store.put(key, "".join(json.dumps(line) + "\n" for line in LINES).encode())
    return RUN


def test_losses_and_changes_are_listed_separately(tidemark, ended) -> None:
    result = tidemark("restore-session", ended)
    assert result.code == 0, result.err
    different, changed = result.out.index("different from the index:"), result.out.index("changed since the")
    for text, position in (
        ("/lost: missing: nothing shows it", range(different, changed)),
        ("/owned: owner 7 instead of 0: nothing shows it", range(different, changed)),
        ("/written: size 1 instead of 2: it changed at 02:00", range(changed, len(result.out))),
    ):
        assert result.out.index(text) in position
    assert "9,000 entries, 1 missing, 1 different, 1 changed since backup" in result.out
    assert "AWS Backup has the result FAILED" in result.out
    assert "arn:point" in result.out


def test_the_json_has_the_test_the_verdicts_and_the_repository_of_the_exact_index(
    tidemark, deployment, ended
) -> None:
    document = tidemark("restore-session", ended, "--json").document
    assert (document["kind"], document["test"]["answer"]) == ("test", "FAILED")
    assert document["test"]["exact_index_id"] == "exact"
    assert document["differences"] == LINES
    expected = f"{deployment.store.url}/restores/{deployment.file_system}/{RUN}"
    assert document["exact_index_repository"] == expected


def test_restores_lists_tests_with_their_kind(tidemark, ended) -> None:
    (line,) = (line for line in tidemark("restores").out.splitlines() if RUN in line)
    assert line.split()[0] == "failed"
    assert "test" in line.split()
    (listed,) = tidemark("restores", "--json").document["restores"]
    assert listed["kind"] == "test"


def test_a_stopped_test_does_not_state_that_restores_wait(tidemark, deployment, session, monkeypatch) -> None:
    monkeypatch.setattr("tidemark.aws.executions.ended_as", lambda *_: "ABORTED")
    running = dataclasses.replace(session, status=SessionStatus.RUNNING, ended_at=None, totals={})
    open_restore(deployment.records, running)
    out = tidemark("restore-session", RUN).out
    assert "its execution is ABORTED; redrive it; it is closed within" in out
    assert "other restores wait" not in out


@pytest.mark.parametrize(
    ("changes", "states"),
    [
        ({"phase": "mounting"}, (State.DONE, State.WAITING, State.WAITING)),
        ({"phase": "verifying"}, (State.DONE, State.RUNNING, State.WAITING)),
        ({"status": SessionStatus.FAILED}, (State.DONE, State.FAILED, State.FAILED)),
    ],
)
def test_each_step_has_the_state_of_the_test(session, changes, states) -> None:
    unanswered = dataclasses.replace(VERIFIED, answer="")
    running = {"status": SessionStatus.RUNNING, "totals": {}, "test": unanswered, **changes}
    view = RestoreView(session=dataclasses.replace(session, **running), progress={"totals": {"crawled": 42}})
    steps = restore_steps(view, NOW)
    assert tuple(step.state for step in steps) == states
    if changes.get("phase") == "verifying":
        assert "42 entries crawled" in steps[1].detail


def test_a_failed_restore_job_is_the_failed_first_step(session) -> None:
    job = dataclasses.replace(JOB, state="FAILED", message="the key is disabled")
    steps = restore_steps(RestoreView(session=dataclasses.replace(session, jobs=(job,)), progress=None), NOW)
    assert (steps[0].state, steps[0].detail) == (State.FAILED, "the key is disabled")
