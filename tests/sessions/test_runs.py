"""Sessions are grouped into runs; the last run of each policy is found without reading further."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.sessions.world import new_session
from tidemark.sessions.naming import session_id
from tidemark.sessions.runs import last_runs, rerun_number, run_moment
from tidemark.sessions.session import FileSystem, Session, SessionStatus

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENDS = (SessionStatus.SUCCESS, SessionStatus.WARNING, SessionStatus.FAILED, SessionStatus.ABORTED)


def session(
    policy: str, number: int, at: datetime, *, rerun: int = 0, after: timedelta, status: SessionStatus
) -> Session:
    file_system = FileSystem("1", "eu-central-1", f"fs-0000000{number}")
    name = session_id(policy, file_system.file_system_id, at) + (f"-r{rerun}" if rerun else "")
    return dataclasses.replace(
        new_session(name), policy=policy, file_system=file_system, opened_at=at + after, status=status
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Session]:
    """Runs of two policies, at different hours, whose sessions open late and overlap."""
    found = []
    for hour in draw(st.lists(st.integers(0, 60), max_size=6, unique=True)):
        policy = draw(st.sampled_from(["a", "b"]))
        for number in draw(st.sets(st.integers(1, 4), min_size=1)):
            found += [
                session(
                    policy,
                    number,
                    BEGIN + hour * HOUR,
                    rerun=rerun,
                    after=timedelta(minutes=draw(st.integers(-5, 300)) + 301 * rerun),
                    status=draw(st.sampled_from(ENDS)),
                )
                for rerun in range(draw(st.integers(0, 2)) + 1)
            ]
    return sorted(found, key=lambda each: each.opened_at, reverse=True)


def plain(sessions: Iterable[Session], policy: str) -> dict[str, Session]:
    """Return the last session of each file system in the policy's last run, from all sessions."""
    own = [each for each in sessions if each.policy == policy]
    last = max((run_moment(each) for each in own), default=None)
    found: dict[str, Session] = {}
    for each in sorted(own, key=lambda each: rerun_number(each.session_id)):
        if run_moment(each) == last:
            found[each.file_system.file_system_id] = each
    return found


@given(histories())
def test_the_last_run_has_the_last_session_of_each_file_system(sessions: list[Session]) -> None:
    found = last_runs(iter(sessions), ["a", "b", "never"])
    for policy in ("a", "b", "never"):
        expected = plain(sessions, policy)
        assert (policy in found) == bool(expected)
        if expected:
            run = found[policy]
            assert {each.file_system.file_system_id: each for each in run.sessions} == expected
            assert run.status in {each.status for each in run.sessions}
            assert sum(run.number(status) for status in SessionStatus) == len(run.sessions)


def test_no_session_is_read_beyond_the_last_runs() -> None:
    def sessions() -> Iterator[Session]:
        for hour in (9, 8):
            yield session("a", 1, BEGIN + hour * HOUR, after=timedelta(0), status=SessionStatus.SUCCESS)
        raise AssertionError("read too far")

    assert last_runs(sessions(), ["a"])["a"].at == BEGIN + 9 * HOUR


def test_the_status_of_a_run_is_the_worst() -> None:
    def status(*statuses: SessionStatus) -> SessionStatus:
        made = [
            session("a", number, BEGIN, after=timedelta(0), status=each)
            for number, each in enumerate(statuses)
        ]
        return last_runs(made, ["a"])["a"].status

    assert status(SessionStatus.SUCCESS, SessionStatus.WARNING) is SessionStatus.WARNING
    assert status(SessionStatus.WARNING, SessionStatus.RUNNING) is SessionStatus.RUNNING
    assert status(SessionStatus.RUNNING, SessionStatus.FAILED, SessionStatus.SUCCESS) is SessionStatus.FAILED


def test_a_run_has_ended_when_its_last_session_has() -> None:
    one = session("a", 1, BEGIN, after=timedelta(0), status=SessionStatus.SUCCESS)
    one = dataclasses.replace(one, ended_at=BEGIN + HOUR)
    other = session("a", 2, BEGIN, after=timedelta(0), status=SessionStatus.RUNNING)
    assert last_runs([other, one], ["a"])["a"].ended_at is None
    ended = dataclasses.replace(other, status=SessionStatus.SUCCESS, ended_at=BEGIN + 2 * HOUR)
    assert last_runs([ended, one], ["a"])["a"].ended_at == BEGIN + 2 * HOUR


def test_a_session_with_another_name_belongs_to_the_time_of_its_opening() -> None:
    named = dataclasses.replace(new_session("from-the-console"), opened_at=BEGIN)
    assert run_moment(named) == BEGIN
