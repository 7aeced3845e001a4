"""Restore sessions in both stores: opened once, closed with their turn, listed, and their outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from tests.aws.account import create_tables, records_of, the_clients
from tests.sessions.memory_store import MemoryStore
from tests.sessions.restore_examples import new_restore, restore_sessions
from tests.sessions.world import FS, START
from tidemark.errors import RestoreFailed, RestoreNotFound
from tidemark.sessions.restore_outcome import decide_restore_outcome, decide_stopped_restore
from tidemark.sessions.restore_session import RestoreJob, RestoreSession
from tidemark.sessions.restores import (
    close_restore,
    enter_phase,
    hold_turn,
    open_restore,
    read_restore,
    record_most_items,
    record_problem,
    record_restore_worker,
    reopen_restore,
    restores_since,
    running_restore_ids,
    take_turn,
)
from tidemark.sessions.session import SessionStatus
from tidemark.sessions.transactions import Store

OTHER = replace(FS, file_system_id="fs-00000000000000001")


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    with mock_aws():
        create_tables(the_clients())
        yield records_of(the_clients())


def close(store: Store, name: str, status: SessionStatus = SessionStatus.SUCCESS) -> RestoreSession:
    return close_restore(store, name, status=status, reasons=("why",), totals={"placed": 3}, now=START)


def opened(store: Store, *names: str) -> None:
    for name in names:
        open_restore(store, new_restore(name))


def test_a_session_is_opened_once(store: Store) -> None:
    session = new_restore("a")
    assert open_restore(store, session) == session
    again = replace(session, started_at=START + timedelta(hours=1))
    assert open_restore(store, again) == session
    assert read_restore(store, "a") == session


def test_an_unknown_session_has_no_record_and_cannot_be_changed(store: Store) -> None:
    for change in (
        lambda: read_restore(store, "a"),
        lambda: enter_phase(store, "a", "placing"),
        lambda: record_most_items(store, "a", 5),
        lambda: reopen_restore(store, "a"),
        lambda: take_turn(store, FS, "a"),
        lambda: close(store, "a"),
    ):
        with pytest.raises(RestoreNotFound):
            change()
    assert list(running_restore_ids(store)) == []


def test_one_session_of_a_file_system_has_the_turn_and_the_next_after_its_end(store: Store) -> None:
    opened(store, "a", "b")
    assert take_turn(store, FS, "a") is None
    assert take_turn(store, FS, "a") is None, "it has it already"
    assert take_turn(store, FS, "b") == "a"
    assert [read_restore(store, name).phase for name in "ab"] == ["jobs", "turn"]
    close(store, "a")
    assert take_turn(store, FS, "b") is None
    assert hold_turn(store, FS, "b").restore_id == "b"


def test_sessions_of_different_file_systems_do_not_wait_for_each_other(store: Store) -> None:
    opened(store, "a")
    open_restore(store, new_restore("b", OTHER))
    assert take_turn(store, FS, "a") is None
    assert take_turn(store, OTHER, "b") is None


def test_a_session_with_a_new_file_system_neither_waits_nor_lets_others_wait(store: Store) -> None:
    opened(store, "a", "b")
    open_restore(store, replace(new_restore("new"), is_new=True))
    assert take_turn(store, FS, "a") is None
    assert take_turn(store, FS, "new") is None
    assert take_turn(store, FS, "new") is None, "it has it already"
    assert take_turn(store, FS, "b") == "a"
    close(store, "a")
    assert take_turn(store, FS, "b") is None
    assert close(store, "new").status is SessionStatus.SUCCESS


def test_a_problem_of_a_new_file_system_is_recorded_until_it_is_solved(store: Store) -> None:
    open_restore(store, replace(new_restore("a"), is_new=True))
    for part in ("tags", "policy"):
        record_problem(store, "a", part, "refused")
    record_problem(store, "a", "tags", "")
    record_problem(store, "a", "lifecycle", "")
    assert read_restore(store, "a").problems == {"policy": "refused"}


@pytest.mark.parametrize("status", [SessionStatus.SUCCESS, SessionStatus.WARNING, SessionStatus.FAILED])
def test_a_late_call_does_not_open_a_session_again_that_has_closed_itself(
    store: Store, status: SessionStatus
) -> None:
    opened(store, "a")
    take_turn(store, FS, "a")
    closed = close(store, "a", status)
    for take in (take_turn, hold_turn):
        with pytest.raises(RestoreFailed):
            take(store, FS, "a")
    assert read_restore(store, "a") == closed
    assert list(running_restore_ids(store)) == []


def test_a_redriven_session_takes_its_turn_again(store: Store) -> None:
    opened(store, "a")
    take_turn(store, FS, "a")
    close(store, "a", SessionStatus.FAILED)
    reopen_restore(store, "a")
    reopened = read_restore(store, "a")
    assert (reopened.status, reopened.phase, reopened.reasons) == (SessionStatus.RUNNING, "turn", ())
    assert reopened.ended_at is None
    assert list(running_restore_ids(store)) == ["a"]
    assert take_turn(store, FS, "a") is None


@pytest.mark.parametrize("take", [take_turn, hold_turn])
def test_an_aborted_session_that_is_redriven_is_open_again_when_it_has_the_turn(
    store: Store, take: Any
) -> None:
    opened(store, "a")
    take_turn(store, FS, "a")
    close(store, "a", SessionStatus.ABORTED)
    take(store, FS, "a")
    session = read_restore(store, "a")
    assert (session.status, session.phase, session.ended_at) == (SessionStatus.RUNNING, "jobs", None)
    assert list(running_restore_ids(store)) == ["a"]


def test_an_aborted_session_that_is_redriven_while_another_runs_waits_and_is_listed(store: Store) -> None:
    opened(store, "a", "b")
    take_turn(store, FS, "a")
    close(store, "a", SessionStatus.ABORTED)
    assert take_turn(store, FS, "b") is None
    assert take_turn(store, FS, "a") == "b"
    assert set(running_restore_ids(store)) == {"a", "b"}
    with pytest.raises(RestoreFailed, match="b restores to the same file system now; redrive"):
        hold_turn(store, FS, "a")
    close(store, "b")
    assert take_turn(store, FS, "a") is None


def test_a_turn_whose_session_has_no_record_is_taken(store: Store) -> None:
    opened(store, "a", "b")
    take_turn(store, FS, "a")
    if isinstance(store, MemoryStore):
        del store.items["restores", "a"]
    else:
        key = {"restore_id": {"S": "a"}}
        store._client.delete_item(TableName="tidemark-restores", Key=key)  # type: ignore[attr-defined]
    assert take_turn(store, FS, "b") is None


def test_a_turn_is_given_back_only_by_its_session(store: Store) -> None:
    opened(store, "a", "b")
    take_turn(store, FS, "a")
    close(store, "b", SessionStatus.ABORTED)
    assert take_turn(store, FS, "b") == "a"
    for _ in range(2):
        close(store, "a")
    assert take_turn(store, FS, "b") is None


def test_a_closed_session_waits_for_no_worker(store: Store) -> None:
    opened(store, "a")
    record_restore_worker(store, "a", worker_id="", task_token="token")
    record_restore_worker(store, "a", worker_id="task", task_token="token")
    session = read_restore(store, "a")
    assert (session.worker_id, session.worker_token) == ("task", "token")
    closed = close(store, "a")
    assert (closed.worker_id, closed.worker_token, closed.phase) == ("", "", "ended")
    assert (closed.status, closed.reasons, closed.totals) == (SessionStatus.SUCCESS, ("why",), {"placed": 3})
    assert closed.ended_at == START
    assert close(store, "a") == closed


def test_sessions_are_listed_newest_first_across_months_and_years(store: Store) -> None:
    started = [datetime(2025, 11, 30, 23, tzinfo=UTC), datetime(2025, 12, 1, tzinfo=UTC)]
    started += [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 31)]
    for number, moment in enumerate(started):
        open_restore(store, replace(new_restore(f"r{number}"), started_at=moment))
    now = datetime(2026, 2, 3, tzinfo=UTC)
    assert [each.restore_id for each in restores_since(store, started[0], now)] == ["r3", "r2", "r1", "r0"]
    assert [each.restore_id for each in restores_since(store, started[1], now)] == ["r3", "r2", "r1"]
    assert list(restores_since(store, datetime(2026, 2, 1, tzinfo=UTC), now)) == []
    assert list(running_restore_ids(store)) == ["r0", "r1", "r2", "r3"]


# outcomes

PLACED = ("placed", "merged", "renamed", "replaced", "skipped")
DEVIATIONS = ("conflict", "failed", "differences", "not_compared", "left_directories")
totals = st.dictionaries(st.sampled_from((*PLACED, *DEVIATIONS)), st.integers(0, 10**9))


@given(restore_sessions, totals, st.none() | st.text(min_size=1))
def test_a_success_is_a_session_that_did_exactly_what_was_planned(
    session: RestoreSession, totals: dict[str, int], failure: str | None
) -> None:
    outcome = decide_restore_outcome(session, totals, failure=failure)
    placed = any(totals.get(name) for name in PLACED)
    deviates = bool(session.problems) or any(totals.get(name) for name in DEVIATIONS)
    done = {(job.point, job.first) for job in session.jobs if job.is_done}
    lost = [job for job in session.jobs if not job.is_done and (job.point, job.first) not in done]
    still = [job for job in session.jobs if job.is_running]
    expected = SessionStatus.WARNING if deviates or lost or still else SessionStatus.SUCCESS
    assert outcome.status is (expected if placed and failure is None else SessionStatus.FAILED)
    assert bool(outcome.reasons) == (outcome.status is not SessionStatus.SUCCESS)
    assert all(len(reason) <= 2_000 for reason in outcome.reasons)


def job(name: str, state: str, attempt: int = 0, message: str = "") -> RestoreJob:
    return RestoreJob(
        job_id=name, point=0, first=0, end=9, attempt=attempt, started_at=START, state=state, message=message
    )


def test_a_failed_job_is_a_reason_unless_a_later_one_restored_its_items() -> None:
    failed = replace(new_restore("a"), jobs=(job("one", "FAILED", message="the vault is locked"),))
    (reason,) = decide_restore_outcome(failed, {"placed": 1}, failure=None).reasons
    assert "one ended FAILED: the vault is locked" in reason
    redriven = replace(failed, jobs=(*failed.jobs, job("two", "COMPLETED", attempt=1)))
    assert decide_restore_outcome(redriven, {"placed": 1}, failure=None).reasons == ()


def test_a_session_that_stops_reports_jobs_that_continue_and_files_that_remain() -> None:
    session = replace(new_restore("a"), jobs=(job("one", "COMPLETED"), job("two", "RUNNING")))
    outcome = decide_stopped_restore(session, "its execution is ABORTED")
    assert outcome.status is SessionStatus.ABORTED
    assert outcome.reasons[0] == "its execution is ABORTED"
    assert any("two continues in AWS Backup" in reason for reason in outcome.reasons)
    assert any("what was restored and not placed" in reason for reason in outcome.reasons)
    failed = decide_restore_outcome(session, {}, failure="AWS Backup is unreachable")
    assert any("two continues in AWS Backup" in reason for reason in failed.reasons)


def test_only_a_session_that_has_not_succeeded_reports_the_new_file_system_that_remains() -> None:
    created = replace(job("one", "COMPLETED"), created="fs-1")
    session = replace(new_restore("a"), is_new=True, jobs=(created,))
    assert session.target == "fs-1"
    assert decide_restore_outcome(session, {"placed": 1}, failure=None).reasons == ()
    for outcome in (
        decide_restore_outcome(session, {"placed": 1}, failure="no mount target"),
        decide_stopped_restore(session, "its execution is ABORTED"),
    ):
        assert "delete-file-system --file-system-id fs-1" in outcome.reasons[-1]
    existing = replace(session, is_new=False)
    assert existing.target == FS.file_system_id
    for reason in decide_restore_outcome(existing, {}, failure="no").reasons:
        assert "delete-file-system" not in reason


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "FAILED", "ABORTED"])
def test_only_a_completed_job_determines_the_target(state: str) -> None:
    jobs = (replace(job("one", state), created="fs-1"),)
    assert replace(new_restore("a"), is_new=True, jobs=jobs).target == ""


@pytest.mark.parametrize(("number", "noun"), [(1, "1 item "), (2, "2 items "), (1_000, "1,000 items ")])
def test_numbers_of_items_are_written_for_readers(number: int, noun: str) -> None:
    outcome = decide_restore_outcome(new_restore("a"), {"placed": 1, "conflict": number}, failure=None)
    assert outcome.reasons[0].startswith(noun)


def test_a_problem_turns_a_success_into_a_warning_and_leaves_a_failure() -> None:
    success = decide_restore_outcome(new_restore("a"), {"placed": 1}, failure=None)
    assert success.with_problem("no mail").status is SessionStatus.WARNING
    failed = decide_restore_outcome(new_restore("a"), {}, failure="no").with_problem("x" * 3_000)
    assert failed.status is SessionStatus.FAILED
    assert len(failed.reasons[-1]) == 2_000
