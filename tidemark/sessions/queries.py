"""Session records outside the overlap rule: task tokens, jobs, the end of a session, and lists."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile

from tidemark.sessions.indexing import LEASE_MARK, Association, Index, is_association_item, is_index_item
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
from tidemark.sessions.transactions import Store, items_by_month

_A_YEAR = timedelta(days=366)


def wait_for_index(store: Store, session_id: str, task_token: str) -> Index | None:
    """Store the task token on the session, then return the current record of its index.

    In this order, because the index may end in between: either the writer that ends it finds the token, or
    the caller gets the ended index.
    """
    update_session(store, session_id, {"waiting_token": task_token})
    session = read_session(store, session_id)
    if session.index_id is None:
        return None
    return read_index(store, session.file_system, session.index_id)


def record_job(store: Store, session_id: str, job: Job) -> None:
    """Record a job. Call this immediately after starting it.

    Also puts the session on the sweeper's list, in case it was stopped and closed at the same moment.
    """
    update_session(store, session_id, {job_attribute(job.job_id): job_to_map(job), "running": RUNNING_MARK})


def update_job(store: Store, session_id: str, job_id: str, *, state: str, message: str) -> None:
    """Record the state of a job. A job that an older version started has no record and gets none."""
    for job in read_session(store, session_id).jobs:
        if job.job_id == job_id:
            now = dataclasses.replace(job, state=state, message=message)
            update_session(store, session_id, {job_attribute(job_id): job_to_map(now)})


def forget_session(store: Store, session_id: str) -> None:
    """Remove an ended session from the sweeper's list."""
    update_session(store, session_id, {}, remove=("running",))


def close_session(store: Store, session_id: str, outcome: Outcome, now: datetime) -> Session:
    """Record how the session ended and return it; a repeated call changes only the time.

    A stopped session stays on the sweeper's list: its last step may just have started another job, and its
    index may still be in progress.
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
    """Return a file system's sessions, newest first. Eventually consistent."""
    for item in store.query(SESSIONS, BY_FILE_SYSTEM, str(file_system), newest_first=True):
        yield Session.from_item(item)


def sessions_since(store: Store, oldest: datetime, now: datetime) -> Iterator[Session]:
    """Return all sessions opened between the two times, newest first. Eventually consistent."""
    found = map(Session.from_item, items_by_month(store, SESSIONS, BY_MONTH, oldest, now))
    return takewhile(lambda session: session.opened_at >= oldest, found)


def has_started_jobs(store: Store, now: datetime, *, but: str) -> bool:
    """Return whether any session of the last year, except `but`, has started a job."""
    return any(
        session.jobs and session.session_id != but for session in sessions_since(store, now - _A_YEAR, now)
    )


def watched_session_ids(store: Store) -> Iterator[str]:
    """Return the ids of the sessions that the sweeper watches, oldest first. Eventually consistent.

    These are not closed yet, or were stopped while their jobs or their index may still be in progress.
    """
    for item in store.query(SESSIONS, RUNNING, RUNNING_MARK):
        yield str(item["session_id"])


def leased_file_systems(store: Store) -> Iterator[str]:
    """Return every file system that has a lease, live or expired. Eventually consistent."""
    for item in store.query(INDEXES, LEASES, LEASE_MARK):
        yield str(item["file_system"])


def indexes_of(store: Store, file_system: FileSystem) -> Iterator[Index]:
    """Return the records of a file system's indexes, oldest first."""
    for item in store.query(INDEXES, None, str(file_system)):
        if is_index_item(item):
            yield Index.from_item(item)


def associations_in(store: Store, file_system: FileSystem) -> Iterator[Association]:
    """Return all associations of a file system."""
    for item in store.query(INDEXES, None, str(file_system)):
        if is_association_item(item):
            yield Association.from_item(item)


def associations_of(store: Store, recovery_point_arn: str) -> Iterator[Association]:
    """Return the association of a recovery point, if any. Eventually consistent."""
    for item in store.query(INDEXES, BY_RECOVERY_POINT, recovery_point_arn):
        yield Association.from_item(item)
