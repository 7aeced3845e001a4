"""Restore tests in the records: verified by one execution at a time, answered once, and their outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from tests.aws.account import create_tables, records_of, the_clients
from tests.sessions import examples
from tests.sessions.memory_store import MemoryStore
from tests.sessions.restore_examples import restore_sessions
from tests.sessions.world import FS, START
from tidemark.errors import RestoreNotFound
from tidemark.sessions.restore_session import RestoreJob, RestoreSession
from tidemark.sessions.restore_test import Answer, RestoreTest
from tidemark.sessions.restore_tests import (
    decide_stopped_test,
    decide_test_outcome,
    enter_test_phase,
    id_of_test,
    open_test,
    point_of,
    record_answer,
    validation_message,
)
from tidemark.sessions.restores import close_restore, read_restore, running_restore_ids
from tidemark.sessions.session import SessionStatus
from tidemark.sessions.transactions import ConditionNotMet, Store

JOB = "4D0A6A7F"
JOB_OF_TEST = RestoreJob(
    job_id=JOB,
    point=0,
    first=0,
    end=1,
    attempt=0,
    started_at=START,
    state="COMPLETED",
    created="fs-0fedcba9876543210",
)
VERIFIED = RestoreTest(
    restore_job_id=JOB,
    recovery_point_arn="arn:point",
    backup_started_at=START,
    backup_ended_at=START,
    index_id="index",
    exact_index_id="exact",
)
tests = st.builds(
    RestoreTest,
    restore_job_id=examples.names,
    recovery_point_arn=examples.names,
    backup_started_at=examples.times,
    backup_ended_at=examples.times,
    index_id=st.just("") | examples.names,
    exact_index_id=examples.names,
    answer=st.sampled_from(["", "SUCCESSFUL", "FAILED"]),
)


def new_test(execution: str = "arn:first") -> RestoreSession:
    """Return the session of a restore test that an execution is about to open."""
    return RestoreSession(
        restore_id=id_of_test(JOB),
        plan_id="",
        file_system=FS,
        execution_arn=execution,
        started_at=START,
        phase="mounting",
        is_new=True,
        kind="test",
        jobs=(JOB_OF_TEST,),
        test=VERIFIED,
    )


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    with mock_aws():
        create_tables(the_clients())
        yield records_of(the_clients())


def close(store: Store, status: SessionStatus) -> None:
    close_restore(store, id_of_test(JOB), status=status, reasons=(), totals={}, now=START)


@given(restore_sessions, tests)
def test_a_test_is_recorded_without_loss(session: RestoreSession, test: RestoreTest) -> None:
    session = replace(session, kind="test", test=test)
    assert RestoreSession.from_item(session.to_item()) == session


def test_one_execution_verifies_a_job(store: Store) -> None:
    assert open_test(store, new_test()) == new_test()
    assert open_test(store, new_test("arn:second")) is None
    assert open_test(store, new_test()) == new_test(), "a repeated call"
    assert list(running_restore_ids(store)) == [id_of_test(JOB)]


@pytest.mark.parametrize("answer", ["SUCCESSFUL", "FAILED"])
def test_an_answered_job_is_not_verified_again(store: Store, answer: Answer) -> None:
    open_test(store, new_test())
    record_answer(store, new_test(), answer)
    close(store, SessionStatus.FAILED)
    assert open_test(store, new_test("arn:second")) is None
    assert point_of(read_restore(store, id_of_test(JOB))).answer == answer


@pytest.mark.parametrize("status", [SessionStatus.FAILED, SessionStatus.ABORTED])
def test_another_execution_takes_over_a_job_without_an_answer(store: Store, status: SessionStatus) -> None:
    open_test(store, new_test())
    close(store, status)
    assert open_test(store, new_test("arn:second")) == new_test("arn:second")
    with pytest.raises(ConditionNotMet):
        enter_test_phase(store, new_test(), "verifying")
    with pytest.raises(ConditionNotMet):
        record_answer(store, new_test(), "FAILED")


def test_a_redrive_opens_a_test_again_that_was_closed(store: Store) -> None:
    open_test(store, new_test())
    close(store, SessionStatus.ABORTED)
    assert list(running_restore_ids(store)) == []
    session = enter_test_phase(store, new_test(), "mounting")
    assert (session.status, session.phase) == (SessionStatus.RUNNING, "mounting")
    assert session.ended_at is None
    assert list(running_restore_ids(store)) == [id_of_test(JOB)]


def test_a_restore_session_verifies_nothing() -> None:
    with pytest.raises(RestoreNotFound):
        point_of(replace(new_test(), kind="restore", test=None))


NUMBERS = (0, 1, 5_000)
LOSSES = ("missing", "extra", "different", "unreadable")


@pytest.mark.parametrize("counts", list(product(NUMBERS, repeat=2)))
@pytest.mark.parametrize("name", LOSSES)
def test_a_test_fails_exactly_if_there_is_a_loss(name: str, counts: tuple[int, int]) -> None:
    lost, changed = counts
    totals = {"compared": 9_000, name: lost, "changed_since_backup": changed, "differences": lost}
    outcome, answer = decide_test_outcome(new_test(), totals, failure=None)
    failed = bool(lost)
    assert (outcome.status is SessionStatus.FAILED) == failed
    assert answer == ("FAILED" if failed else "SUCCESSFUL")
    message = validation_message(new_test(), outcome, totals)
    assert "tidemark restore-session test-4D0A6A7F" in message
    for number in filter(None, counts):
        assert f"{number:,} path" in message


def test_without_an_index_the_answer_is_a_failure() -> None:
    session = replace(new_test(), test=replace(VERIFIED, index_id=""))
    outcome, answer = decide_test_outcome(session, {}, failure=None)
    assert (outcome.status, answer) == (SessionStatus.FAILED, "FAILED")
    assert "no complete index" in validation_message(session, outcome, {})


def test_a_failure_of_the_verification_is_not_answered() -> None:
    outcome, answer = decide_test_outcome(new_test(), {}, failure="no capacity")
    assert (outcome.status, answer) == (SessionStatus.FAILED, "")
    assert "no capacity" in outcome.reasons[0]
    assert "redrive" in outcome.reasons[1]


def test_a_restore_job_that_has_failed_is_reported_and_cannot_be_answered() -> None:
    job = replace(JOB_OF_TEST, state="FAILED", message="the key is disabled", created="")
    outcome, answer = decide_test_outcome(replace(new_test(), jobs=(job,)), {}, failure=None)
    assert (outcome.status, answer) == (SessionStatus.FAILED, "")
    assert "FAILED: the key is disabled" in outcome.reasons[0]


def test_a_stopped_test_names_its_file_system() -> None:
    outcome = decide_stopped_test(new_test(), "its execution is ABORTED")
    assert outcome.status is SessionStatus.ABORTED
    assert "fs-0fedcba9876543210" in outcome.reasons[1]
