"""The steps of a restore session in words."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from tests.aws.account import FS
from tidemark.answers.restore_progress import RestoreView, restore_steps
from tidemark.answers.session_progress import Step
from tidemark.sessions.restore_session import RestoreJob, RestoreSession
from tidemark.sessions.session import SessionStatus

AT = datetime(2026, 11, 29, 15, 30, tzinfo=UTC)
JOB = RestoreJob(job_id="job-1", point=0, first=0, end=1, attempt=0, started_at=AT, state="RUNNING")
SESSION = RestoreSession(
    restore_id="restore-1",
    plan_id="plan-1",
    file_system=FS,
    execution_arn="arn:restore-1",
    started_at=AT,
    phase="jobs",
    jobs=(JOB,),
)


def steps(session: RestoreSession) -> dict[str, Step]:
    return {step.name: step for step in restore_steps(RestoreView(session=session, progress=None), AT)}


@pytest.mark.parametrize("reported", ["17.40%", "17.40", "17.40 %"])
def test_the_progress_of_a_job_has_one_percent_sign(reported: str) -> None:
    job = dataclasses.replace(JOB, percent=reported)
    assert ", 17.40 %, " in steps(dataclasses.replace(SESSION, jobs=(job,)))["restore"].detail


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "1 placed, 1 conflict, 1 failed, 1 difference"),
        (2, "2 placed, 2 conflicts, 2 failed, 2 differences"),
    ],
)
def test_totals_are_counted_in_words(number: int, words: str) -> None:
    totals = dict.fromkeys(("placed", "conflict", "failed", "differences", "left_directories"), number)
    ended = dataclasses.replace(SESSION, phase="ended", status=SessionStatus.WARNING, totals=totals)
    assert steps(ended)["place"].detail == words


def test_the_first_step_claims_no_other_restore() -> None:
    waiting = dataclasses.replace(SESSION, phase="turn", jobs=())
    assert "waits for" not in steps(waiting)["turn"].detail


def test_a_session_that_waits_names_the_one_that_it_waits_for() -> None:
    waiting = dataclasses.replace(SESSION, phase="turn", jobs=())
    view = RestoreView(session=waiting, progress=None, holder="restore-0")
    (step,) = restore_steps(view, AT)
    assert "waits for restore-0, " in step.detail
