"""A session's record around the overlap rule: waiting for its index, its end, and lists of sessions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta

from tidemark.sessions.indexing import LEASE_MARK, Association, Index, is_index_item
from tidemark.sessions.outcome import Outcome
from tidemark.sessions.records import read_index, read_session, update_session
from tidemark.sessions.schema import (
    BY_FILE_SYSTEM,
    BY_MONTH,
    BY_RECOVERY_POINT,
    INDEXES,
    LEASES,
    RUNNING,
    SESSIONS,
)
from tidemark.sessions.session import (
    RUNNING_MARK,
    FileSystem,
    Job,
    Session,
    SessionStatus,
    job_attribute,
    job_to_map,
)
from tidemark.sessions.transactions import Store

_A_YEAR = timedelta(days=366)


def wait_for_index(store: Store, session_id: str, task_token: str) -> Index | None:
    """Leave the task token on the session, then return its index as of now.

    In this order: if the index ends in between, whoever ends it finds the token, or the caller sees the end.
    """
    update_session(store, session_id, {"waiting_token": task_token})
    session = read_session(store, session_id)
    if session.index_id is None:
        return None
    return read_index(store, session.file_system, session.index_id)


def record_job(store: Store, session_id: str, job: Job) -> None:
    """Write a job down as soon as it is started.

    The mark, too: a session that was stopped and closed in the same moment is looked after again.
    """
    update_session(store, session_id, {job_attribute(job.job_id): job_to_map(job), "running": RUNNING_MARK})


def update_job(store: Store, session_id: str, job_id: str, *, state: str, message: str) -> None:
    """Write down how a job stands; one that an older version started is in no record, and stays so."""
    for job in read_session(store, session_id).jobs:
        if job.job_id == job_id:
            now = dataclasses.replace(job, state=state, message=message)
            update_session(store, session_id, {job_attribute(job_id): job_to_map(now)})


def forget_session(store: Store, session_id: str) -> None:
    """Take an ended session off the list of those that the sweeper looks after."""
    update_session(store, session_id, {}, remove=("running",))


def close_session(store: Store, session_id: str, outcome: Outcome, now: datetime) -> Session:
    """Write how the session ended and return it; writing it twice changes nothing but the time.

    One that was stopped stays on the sweeper's list: its last step may just have started another job, and its
    index may still be made.
    """
    stopped = outcome.status is SessionStatus.ABORTED
    update_session(
        store,
        session_id,
        {"status": outcome.status.value, "reasons": outcome.reasons, "ended_at": now.isoformat()},
        remove=("waiting_token",) if stopped else ("running", "waiting_token"),
    )
    return read_session(store, session_id)


def sessions_of(store: Store, file_system: FileSystem) -> Iterator[Session]:
    """Return a file system's sessions, newest first. The list may lag by a moment."""
    for item in store.query(SESSIONS, BY_FILE_SYSTEM, str(file_system), newest_first=True):
        yield Session.from_item(item)


def sessions_since(store: Store, oldest: datetime, now: datetime) -> Iterator[Session]:
    """Return all sessions opened between the two times, newest first. The list may lag by a moment."""
    year, month = now.year, now.month
    while (year, month) >= (oldest.year, oldest.month):
        for item in store.query(SESSIONS, BY_MONTH, f"{year:04}-{month:02}", newest_first=True):
            session = Session.from_item(item)
            if session.opened_at < oldest:
                return
            yield session
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)


def has_started_jobs(store: Store, now: datetime, *, but: str) -> bool:
    """Return whether any session of the last year has started a job, apart from one."""
    return any(
        session.jobs and session.session_id != but for session in sessions_since(store, now - _A_YEAR, now)
    )


def watched_session_ids(store: Store) -> Iterator[str]:
    """Return the ids of the sessions that the sweeper looks after, oldest first. The list may lag.

    They have not been closed, or were stopped: their jobs may go on, and so may the making of their index.
    """
    for item in store.query(SESSIONS, RUNNING, RUNNING_MARK):
        yield str(item["session_id"])


def leased_file_systems(store: Store) -> Iterator[str]:
    """Return every file system that has a lease, live or expired. The list may lag by a moment."""
    for item in store.query(INDEXES, LEASES, LEASE_MARK):
        yield str(item["file_system"])


def indexes_of(store: Store, file_system: FileSystem) -> Iterator[Index]:
    """Return the records of a file system's indexes, oldest first."""
    for item in store.query(INDEXES, None, str(file_system)):
        if is_index_item(item):
            yield Index.from_item(item)


def associations_of(store: Store, recovery_point_arn: str) -> Iterator[Association]:
    """Return the association of a recovery point: one, or none yet. It may lag by a moment."""
    for item in store.query(INDEXES, BY_RECOVERY_POINT, recovery_point_arn):
        yield Association.from_item(item)
