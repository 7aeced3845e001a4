"""Sessions as lists, and the jobs that they have started."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.sessions.memory_store import MemoryStore
from tests.sessions.world import FS, START, new_session
from tidemark.errors import SessionNotFound
from tidemark.sessions.indexing import IndexStatus
from tidemark.sessions.outcome import Outcome
from tidemark.sessions.overlap import claim, fail, open_session
from tidemark.sessions.queries import (
    close_session,
    forget_session,
    has_started_jobs,
    indexes_of,
    leased_file_systems,
    record_job,
    sessions_since,
    update_job,
    wait_for_index,
    watched_session_ids,
)
from tidemark.sessions.records import read_session
from tidemark.sessions.session import Job, SessionStatus
from tidemark.sessions.transactions import ConditionNotMet, Write

JOB = Job(job_id="job-1", kind="backup", account="a", region="r", vault="v", started_at=START, keep_days=None)
OTHER = replace(JOB, job_id="job-2", kind="copy", started_at=START + timedelta(hours=1))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def begin(store: MemoryStore, name: str, at: datetime = START) -> None:
    open_session(store, replace(new_session(name), opened_at=at), at)


def test_a_session_that_started_a_job_is_history_for_all_others(store: MemoryStore) -> None:
    for name in ("first", "second"):
        begin(store, name)
    assert not has_started_jobs(store, START, but="second"), "opening starts no job"
    record_job(store, "first", JOB)
    assert has_started_jobs(store, START, but="second")
    assert not has_started_jobs(store, START, but="first"), "its own, from before a redrive"


@pytest.mark.parametrize(("days", "counts"), [(365, True), (367, False)])
def test_history_is_a_year(store: MemoryStore, days: int, counts: bool) -> None:
    begin(store, "old")
    record_job(store, "old", JOB)
    assert has_started_jobs(store, START + timedelta(days=days), but="new") is counts


def test_sessions_come_newest_first_across_months_and_years(store: MemoryStore) -> None:
    opened = {
        "last year": datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC),
        "january": datetime(2026, 1, 1, tzinfo=UTC),
        "february": datetime(2026, 2, 28, tzinfo=UTC),
    }
    for name, at in opened.items():
        begin(store, name, at)

    def since(oldest: datetime, now: datetime = opened["february"]) -> list[str]:
        return [session.session_id for session in sessions_since(store, oldest, now)]

    assert since(opened["last year"]) == ["february", "january", "last year"]
    assert since(opened["last year"] + timedelta(seconds=1)) == ["february", "january"]
    assert since(datetime(2026, 2, 1, tzinfo=UTC)) == ["february"]
    assert since(datetime(2024, 6, 1, tzinfo=UTC), datetime(2026, 1, 15, tzinfo=UTC)) == [
        "january",
        "last year",
    ]


def test_the_end_of_a_job_changes_that_job_and_no_other(store: MemoryStore) -> None:
    begin(store, "s")
    for job in (JOB, OTHER):
        record_job(store, "s", job)
    update_job(store, "s", "job-2", state="FAILED", message="no room")
    update_job(store, "s", "job-of-an-older-version", state="FAILED", message="")
    assert read_session(store, "s").jobs == (JOB, replace(OTHER, state="FAILED", message="no room"))
    assert read_session(store, "s").open_jobs == (JOB,)


@pytest.mark.parametrize(("status", "stays"), [(SessionStatus.SUCCESS, False), (SessionStatus.ABORTED, True)])
def test_the_sweeper_watches_aborted_sessions_and_those_that_record_a_job_after_closing(
    store: MemoryStore,
    status: SessionStatus,
    stays: bool,
) -> None:
    begin(store, "s")
    assert list(watched_session_ids(store)) == ["s"]
    claim(store, "s", "one", START)
    wait_for_index(store, "s", "token")
    later = START + timedelta(hours=1)
    closed = close_session(store, "s", Outcome(status=status, reasons=("why",)), later)
    assert (closed.status, closed.reasons, closed.ended_at) == (status, ("why",), later)
    assert closed.waiting_token is None, "the session no longer waits"
    assert list(watched_session_ids(store)) == (["s"] if stays else [])
    record_job(store, "s", JOB)
    assert list(watched_session_ids(store)) == ["s"], "its last step has started a job meanwhile"
    forget_session(store, "s")
    assert list(watched_session_ids(store)) == []


def test_a_conflicting_write_is_retried_and_one_without_a_session_is_an_error(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(store, "s")
    transact, refusals = store.transact, [ConditionNotMet()]

    def refused_once(*writes: Write) -> None:
        if refusals:
            raise refusals.pop()
        transact(*writes)

    monkeypatch.setattr(store, "transact", refused_once)
    record_job(store, "s", JOB)
    assert read_session(store, "s").jobs == (JOB,)
    with pytest.raises(SessionNotFound):
        record_job(store, "unknown", JOB)


def test_waiting_stores_the_token_and_returns_the_current_index(store: MemoryStore) -> None:
    begin(store, "s")
    assert wait_for_index(store, "s", "token") is None
    assert read_session(store, "s").waiting_token == "token"
    claim(store, "s", "one", START)
    waited = wait_for_index(store, "s", "token-2")
    assert waited is not None
    assert (waited.index_id, waited.status) == ("one", IndexStatus.RUNNING)
    assert read_session(store, "s").waiting_token == "token-2"


def test_leases_and_indexes_are_listed_while_they_exist(store: MemoryStore) -> None:
    begin(store, "s")
    assert list(leased_file_systems(store)) == []
    claim(store, "s", "one", START)
    assert list(leased_file_systems(store)) == [str(FS)]
    fail(store, FS, "one", "no mount target", START)
    assert list(leased_file_systems(store)) == []
    assert [(index.index_id, index.reason) for index in indexes_of(store, FS)] == [("one", "no mount target")]
