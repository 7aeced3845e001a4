"""A restore session's record: nothing of it is lost, and each request gets its job."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sessions.memory_store import MemoryStore
from tests.sessions.restore_examples import STATES, new_restore, restore_sessions
from tests.sessions.world import START
from tidemark.sessions.restore_outcome import decide_restore_outcome
from tidemark.sessions.restore_session import MOST_FAILED_FIRST, Batch, RestoreJob, RestoreSession
from tidemark.sessions.restores import open_restore, read_restore, record_restore_job
from tidemark.sessions.session import SessionStatus

RUNS, DONE = {"PENDING", "RUNNING"}, {"COMPLETED"}


@given(restore_sessions)
def test_a_session_is_the_same_after_it_was_recorded(session: RestoreSession) -> None:
    assert RestoreSession.from_item(session.to_item()) == session


@given(restore_sessions)
def test_only_a_running_session_has_the_mark_of_the_list_of_running_ones(session: RestoreSession) -> None:
    assert ("running" in session.to_item()) == (session.status is SessionStatus.RUNNING)


@given(restore_sessions)
def test_recording_a_job_changes_nothing_else(session: RestoreSession) -> None:
    store = MemoryStore()
    open_restore(store, session)
    job = RestoreJob(job_id="new", point=0, first=0, end=1, attempt=0, started_at=START, state="PENDING")
    for state in ("PENDING", "COMPLETED"):
        recorded = replace(job, state=state)
        record_restore_job(store, session.restore_id, recorded)
        found = read_restore(store, session.restore_id)
        assert {each.job_id: each for each in found.jobs} == {
            **{each.job_id: each for each in session.jobs},
            "new": recorded,
        }
        assert replace(found, jobs=session.jobs) == session


@pytest.mark.parametrize("state", STATES)
def test_a_job_that_neither_runs_nor_is_done_has_failed(state: str) -> None:
    job = RestoreJob(job_id="j", point=0, first=0, end=1, attempt=0, started_at=START, state=state)
    assert (job.is_running, job.is_done) == (state in RUNS, state in DONE)


# A history: for each job that the rule asks for, how many of its requests it takes (AWS Backup's limit, or
# their size, which differ from job to job) and how it ends. A redrive begins another attempt.
takes = st.tuples(st.integers(1, 4), st.sampled_from(["COMPLETED", "FAILED", "ABORTED"]))
histories = st.lists(st.lists(takes, max_size=30), min_size=1, max_size=4)
points = st.lists(st.integers(1, 12), min_size=1, max_size=4)


def carried_out(requests: list[int], history: list[list[tuple[int, str]]]) -> list[RestoreSession]:
    """Return the session after each of its jobs, as start_restore_job and check_restore_job record them."""
    session, sessions = new_restore("s"), []
    for attempt, ends in enumerate(history):
        for most, state in ends:
            batch = session.next_batch(requests, attempt)
            if batch is None:
                break
            job = RestoreJob(
                job_id=f"job-{len(session.jobs)}",
                point=batch.point,
                first=batch.first,
                end=min(batch.end, batch.first + most),
                attempt=attempt,
                started_at=START + timedelta(seconds=len(session.jobs)),
                state=state,
            )
            session = replace(session, jobs=(*session.jobs, job))
            sessions.append(session)
    return sessions


def requests_of(batch: Batch | RestoreJob) -> set[tuple[int, int]]:
    return {(batch.point, number) for number in range(batch.first, batch.end)}


@given(points, histories)
def test_a_request_has_another_job_only_after_a_failed_one_and_in_the_same_attempt_a_smaller_one(
    requests: list[int], history: list[list[tuple[int, str]]]
) -> None:
    for session in carried_out(requests, history):
        *before, last = session.jobs
        for job in before:
            if requests_of(job) & requests_of(last):
                assert job.state in ("FAILED", "ABORTED")
                assert job.attempt < last.attempt or requests_of(last) < requests_of(job)


@given(points, st.data(), st.integers(1, 12))
def test_a_request_that_fails_its_job_does_not_prevent_the_others(
    requests: list[int], data: st.DataObject, most: int
) -> None:
    asked = {(point, number) for point, count in enumerate(requests) for number in range(count)}
    bad = data.draw(st.sets(st.sampled_from(sorted(asked)), max_size=4))
    session = new_restore("s")
    while (batch := session.next_batch(requests, 0)) is not None:
        batch = replace(batch, end=min(batch.end, batch.first + most))
        job = RestoreJob(
            **dataclasses.asdict(batch),
            job_id=f"job-{len(session.jobs)}",
            attempt=0,
            started_at=START + timedelta(seconds=len(session.jobs)),
            state="FAILED" if requests_of(batch) & bad else "COMPLETED",
        )
        session = replace(session, jobs=(*session.jobs, job))
    restored = {each for job in session.jobs if job.is_done for each in requests_of(job)}
    assert restored == asked - bad
    outcome = decide_restore_outcome(session, {"placed": 1}, failure=None)
    assert len([reason for reason in outcome.reasons if "ended FAILED" in reason]) == len(bad)


def test_jobs_that_all_fail_are_not_divided_forever() -> None:
    session = new_restore("s")
    while (batch := session.next_batch([10_000], 0)) is not None:
        job = RestoreJob(
            **dataclasses.asdict(batch),
            job_id=f"job-{len(session.jobs)}",
            attempt=0,
            started_at=START,
            state="FAILED",
        )
        session = replace(session, jobs=(*session.jobs, job))
        assert len(session.jobs) <= MOST_FAILED_FIRST
    assert requests_of(session.jobs[0]) == {(0, number) for number in range(10_000)}


@given(points, histories)
def test_an_attempt_ends_when_every_request_is_restored_or_has_failed_in_it(
    requests: list[int], history: list[list[tuple[int, str]]]
) -> None:
    asked = {(point, number) for point, count in enumerate(requests) for number in range(count)}
    attempt = len(history)
    for session in [new_restore("s"), *carried_out(requests, history)]:
        restored = {each for job in session.jobs if job.is_done for each in requests_of(job)}
        # An attempt after the history, whose jobs all succeed.
        found: set[tuple[int, int]] = set()
        while (batch := session.next_batch(requests, attempt)) is not None:
            assert not requests_of(batch) & (restored | found)
            assert requests_of(batch) <= asked
            found |= requests_of(batch)
            job = RestoreJob(
                **dataclasses.asdict(batch),
                job_id=f"last-{len(found)}",
                attempt=attempt,
                started_at=START,
                state="COMPLETED",
            )
            session = replace(session, jobs=(*session.jobs, job))
        assert restored | found == asked


@given(points, histories, st.sampled_from(sorted(RUNS)))
def test_the_requests_of_a_running_job_of_any_attempt_are_not_restored_again(
    requests: list[int], history: list[list[tuple[int, str]]], state: str
) -> None:
    for session in carried_out(requests, history):
        *before, last = session.jobs
        runs = replace(session, jobs=(*before, replace(last, state=state)))
        batch = runs.next_batch(requests, last.attempt + 1)
        assert batch is None or not requests_of(batch) & requests_of(last)
