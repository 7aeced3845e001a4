"""The steps of a session, from its records."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from tidemark.answers.session_progress import State, View, line, steps
from tidemark.cli.output.terminal import console
from tidemark.cli.support.session_progress import StepsTable
from tidemark.policy.policy import CopyTarget, Policy
from tidemark.sessions.indexing import Index, IndexStatus
from tidemark.sessions.session import FileSystem, Job, Point, Session, SessionStatus

OPENED = datetime(2026, 11, 22, 2, tzinfo=UTC)
NOW = OPENED + timedelta(seconds=75)
FILE_SYSTEM = FileSystem("123456789012", "eu-central-1", "fs-0123456789abcdef0")
POLICY = Policy(
    name="nightly",
    region="eu-central-1",
    file_systems=(FILE_SYSTEM.file_system_id,),
    vault="tidemark",
    keep_days=35,
    copies=(CopyTarget(region="eu-west-1", vault="copies", keep_days=None),),
)
SESSION = Session(
    session_id="nightly-1",
    policy="nightly",
    file_system=FILE_SYSTEM,
    execution_arn="arn:aws:states:eu-central-1:123456789012:execution:x:nightly-1",
    opened_at=OPENED,
    index_wanted=True,
)
INDEX = Index(file_system=FILE_SYSTEM, index_id="fs-i", status=IndexStatus.RUNNING, started_at=OPENED)
PROGRESS = {
    "entries": 12_345,
    "directories": 900,
    "directories_queued": 7,
    "bytes": 5,
    "entries_per_second": 4567.8,
    "elapsed_seconds": 2.7,
}


def point(kind="backup", region="eu-central-1", vault="tidemark") -> Point:
    return Point(
        recovery_point_arn=f"arn:aws:backup:{region}:123456789012:recovery-point:1",
        kind=kind,
        account="123456789012",
        region=region,
        vault=vault,
        job_id="job",
        size_bytes=1_200_000,
        completed_at=NOW,
    )


def view(*, policy=POLICY, index=None, owner=None, progress=None, **fields) -> View:
    session = dataclasses.replace(SESSION, **fields)
    return View(session=session, policy=policy, index=index, owner=owner, progress=progress)


def displayed(shown: View) -> list[tuple[str, str, str]]:
    return [(step.name, step.state.value, step.detail) for step in steps(shown, NOW)]


BACKED_UP = (point(),)
COPIED = (point(), point("copy", "eu-west-1", "copies"))


def test_a_new_session_shows_its_backup_as_running():
    assert displayed(view()) == [
        ("backup", "running", "AWS Backup is running the job, 1 min 15 s so far"),
        ("copy to eu-west-1", "waiting", "after the backup"),
        ("index", "waiting", "after the backup"),
    ]


def test_unrecorded_jobs_of_an_aborted_session_are_unknown():
    look = f"AWS Backup may hold it; see: tidemark recovery-points {FILE_SYSTEM.file_system_id}"
    assert displayed(view(status=SessionStatus.ABORTED)) == [
        ("backup", "unknown", look),
        ("copy to eu-west-1", "failed", "no copy"),
        ("index", "failed", "no index"),
    ]
    backup, copy, _ = displayed(view(status=SessionStatus.ABORTED, points=BACKED_UP))
    assert backup[1] == "done"
    assert copy == ("copy to eu-west-1", "unknown", look)


JOB = Job(
    job_id="job-1",
    kind="backup",
    account="123456789012",
    region="eu-central-1",
    vault="tidemark",
    started_at=OPENED,
)
COPY_JOB = dataclasses.replace(JOB, job_id="job-2", kind="copy", region="eu-west-1", vault="copies")


def test_recorded_jobs_of_an_aborted_session_are_shown():
    see = f"see: tidemark recovery-points {FILE_SYSTEM.file_system_id}"
    backup, copy, _ = displayed(view(status=SessionStatus.ABORTED, jobs=(JOB,)))
    assert backup == ("backup", "unknown", f"left to AWS Backup, CREATED at the last poll, job job-1; {see}")
    assert copy == ("copy to eu-west-1", "failed", "no copy")
    failed = dataclasses.replace(JOB, state="FAILED", message="no room")
    assert displayed(view(status=SessionStatus.ABORTED, jobs=(failed,)))[0] == (
        "backup",
        "failed",
        "FAILED: no room",
    )
    again = dataclasses.replace(JOB, job_id="job-3")
    assert displayed(view(status=SessionStatus.ABORTED, jobs=(failed, again)))[0][1] == "unknown"
    copying = view(status=SessionStatus.ABORTED, points=BACKED_UP, jobs=(JOB, COPY_JOB))
    assert "job job-2" in displayed(copying)[1][2]
    assert displayed(view(status=SessionStatus.ABORTED, points=BACKED_UP, jobs=(JOB,)))[1] == (
        "copy to eu-west-1",
        "failed",
        "not started",
    )


def test_copies_and_index_run_in_parallel():
    assert displayed(view(points=BACKED_UP, index=INDEX, index_id="fs-i", progress=PROGRESS)) == [
        ("backup", "done", "1.2 MB in vault tidemark"),
        ("copy to eu-west-1", "running", "AWS Backup is running the job"),
        ("index", "running", "12,345 entries, 4,568/s, 7 directories to go"),
    ]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"seconds_left": 125}, "12,345 entries, 4,568/s, 7 directories to go, about 1 min 50 s left"),
        ({"seconds_left": 12}, "12,345 entries, 4,568/s, 7 directories to go, nearly done"),
        ({"seconds_left": None}, "12,345 entries, 4,568/s, 7 directories to go"),
        (
            {"phase": "writing", "seconds_left": 75},
            "12,345 entries, being sorted and written, about 1 min 00 s left",
        ),
    ],
)
def test_the_end_is_estimated_if_the_worker_estimates_it(said, shown):
    """Fifteen seconds ago: the worker writes its progress once a minute."""
    progress = {**PROGRESS, "phase": "crawling", "updated_at": "2026-11-22T02:01:00Z", **said}
    assert displayed(view(points=BACKED_UP, index=INDEX, index_id="fs-i", progress=progress))[2][2] == shown


def test_a_worker_without_progress_is_shown_as_starting():
    assert displayed(view(points=BACKED_UP, index=INDEX, index_id="fs-i"))[2][2] == "the worker is starting"


def test_an_index_of_another_session_is_shown_as_shared():
    shown = view(points=BACKED_UP, index=INDEX, index_id="fs-i", owner="nightly-0")
    assert displayed(shown)[2] == ("index", "running", "made by session nightly-0; shared")
    shown = view(points=BACKED_UP, index=INDEX, index_id="fs-i", owner="nightly-0", progress=PROGRESS)
    assert displayed(shown)[2][2].endswith("; shared")
    shown = view(points=BACKED_UP, index=INDEX, index_id="fs-i", owner="nightly-1", progress=PROGRESS)
    assert "shared" not in displayed(shown)[2][2]


def test_a_complete_session():
    totals = {"files": 1, "directories": 1234, "unreadable": 2}
    index = dataclasses.replace(
        INDEX, status=IndexStatus.COMPLETE, totals=totals, sessions=frozenset({"nightly-1", "nightly-2"})
    )
    shown = view(points=COPIED, index=index, index_id="fs-i", status=SessionStatus.SUCCESS, ended_at=NOW)
    assert displayed(shown) == [
        ("backup", "done", "1.2 MB in vault tidemark"),
        ("copy to eu-west-1", "done", "1.2 MB in vault copies"),
        ("index", "done", "1 file, 1,234 directories, 2 unreadable; shared with 1 other session"),
    ]


def test_steps_that_are_missing_at_the_end_have_failed():
    shown = view(status=SessionStatus.FAILED, ended_at=NOW)
    assert [state for _, state, _ in displayed(shown)] == ["failed", "failed", "failed"]


def test_a_failed_index_shows_its_reason_which_cannot_move_the_cursor():
    index = dataclasses.replace(INDEX, status=IndexStatus.FAILED, reason="worker died\x1b[2J")
    assert displayed(view(points=BACKED_UP, index=index, index_id="fs-i"))[2] == (
        "index",
        "failed",
        r"worker died\x1b[2J",
    )


def test_without_indexing_there_is_no_index_step():
    assert [name for name, _, _ in displayed(view(index_wanted=False))] == ["backup", "copy to eu-west-1"]


def test_copies_are_shown_even_if_the_policy_was_deleted():
    assert [name for name, _, _ in displayed(view(policy=None, points=COPIED, index_wanted=False))] == [
        "backup",
        "copy to eu-west-1",
    ]


def test_a_copy_in_the_same_region_is_distinguished_from_the_backup():
    target = CopyTarget(region="eu-central-1", vault="second", keep_days=None)
    policy = dataclasses.replace(POLICY, copies=(target,))
    shown = view(policy=policy, points=(point(), point("copy", vault="second")), index_wanted=False)
    assert [state for _, state, _ in displayed(shown)] == ["done", "done"]


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_style(state, capsys):
    shown = [dataclasses.replace(step, state=state) for step in steps(view(), NOW)]
    console().print(StepsTable().render(shown))
    assert "copy to eu-west-1" in capsys.readouterr().out
    assert line(shown[0]).startswith(f"backup: {state.value}, ")
