"""Restore sessions in the records: their turn, jobs, workers and end, and lists of them.

One restore session of a file system runs at a time: the worker finds the directory that AWS Backup has
restored by the time of the job, and two sessions could take each other's. The others wait for their turn. A
session that restores to a new file system waits for none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import takewhile

from tidemark.errors import RestoreFailed, RestoreNotFound
from tidemark.sessions.restore_session import (
    RUNNING_MARK,
    YES,
    Phase,
    RestoreJob,
    RestoreSession,
    job_attribute,
    job_to_map,
    problem_attribute,
)
from tidemark.sessions.schema import INDEXES, RESTORES, RESTORES_BY_MONTH, RESTORES_RUNNING
from tidemark.sessions.session import FileSystem, SessionStatus
from tidemark.sessions.transactions import (
    ConditionNotMet,
    Delete,
    Key,
    Path,
    Put,
    Store,
    Update,
    Value,
    absent,
    equal,
    items_by_month,
    update_existing,
)

_TURN = "restore"  # the sort key of the item that names the restore session whose turn it is
_REOPENED: Mapping[Path, Value] = {
    "status": SessionStatus.RUNNING.value,
    "running": RUNNING_MARK,
    "phase": "turn",
    "reasons": (),
}


def read_restore(store: Store, restore_id: str) -> RestoreSession:
    """Return the current restore session; raise RestoreNotFound."""
    item = store.get(RESTORES, {"restore_id": restore_id})
    if item is None:
        raise RestoreNotFound(restore_id)
    return RestoreSession.from_item(item)


def open_restore(store: Store, session: RestoreSession) -> RestoreSession:
    """Record a restore session and return it; a repeated call returns the recorded one."""
    try:
        store.transact(Put(table=RESTORES, item=session.to_item(), conditions=(absent("restore_id"),)))
    except ConditionNotMet:
        return read_restore(store, session.restore_id)
    return session


def reopen_restore(store: Store, restore_id: str) -> None:
    """Mark a session that its execution has closed as running again, after a redrive."""
    _update(store, restore_id, _REOPENED, remove=("ended_at",))


def take_turn(store: Store, file_system: FileSystem, restore_id: str) -> str | None:
    """Take the file system's turn for a restore session; return the id of the session that has it instead.

    None: the session has the turn, also if it had it before. A session that the sweeper has closed is opened
    again: its execution was aborted, and a redrive resumes it. Raises RestoreFailed for a session that its
    own execution has closed.
    """
    while True:
        session = read_restore(store, restore_id)
        key = _turn_key(file_system, session)
        if session.status not in (SessionStatus.RUNNING, SessionStatus.ABORTED):
            raise RestoreFailed(
                f"restore session {restore_id} has ended; restore again with: tidemark restore"
            )
        item = store.get(INDEXES, key)
        holder = None if item is None else str(item["restore_id"])
        is_running = session.status is SessionStatus.RUNNING
        if holder == restore_id and is_running:
            return None
        other = _other(store, holder) if holder not in (None, restore_id) else None
        condition = absent("restore_id") if holder is None else equal("restore_id", holder)
        mine = Put(table=INDEXES, item={**key, "restore_id": restore_id}, conditions=(condition,))
        if other is not None and other.status is not SessionStatus.RUNNING:
            continue  # it has given the turn back since
        try:
            if other is not None:
                if not is_running:
                    store.transact(_change(session, _REOPENED, remove=("ended_at",)))
                return holder
            # Written together with the turn, so that only a running session has the turn, and a session in
            # another phase than `turn` has it. A turn whose session has no record is free.
            store.transact(mine, _change(session, {**_REOPENED, "phase": "jobs"}, remove=("ended_at",)))
        except ConditionNotMet:
            continue
        return None


def turn_holder(store: Store, session: RestoreSession) -> str | None:
    """Return the id of another restore session that has the turn of the file system; None if none has it."""
    item = store.get(INDEXES, _turn_key(session.file_system, session))
    holder = None if item is None else str(item["restore_id"])
    return None if holder == session.restore_id else holder


def hold_turn(store: Store, file_system: FileSystem, restore_id: str) -> RestoreSession:
    """Return the session, which has the turn; open it again if the sweeper has closed it.

    A redrive of an aborted execution resumes at the step that was aborted, after the sweeper has closed the
    session. Raises RestoreFailed if another session has the turn by now.
    """
    holder = take_turn(store, file_system, restore_id)
    if holder is not None:
        raise RestoreFailed(
            f"restore session {restore_id} was closed, and {holder} restores to the same file system now; "
            f"redrive this one when the other has ended"
        )
    return read_restore(store, restore_id)


def enter_phase(store: Store, restore_id: str, phase: Phase) -> None:
    """Record what the session waits for."""
    _update(store, restore_id, {"phase": phase})


def record_restore_job(store: Store, restore_id: str, job: RestoreJob) -> None:
    """Record a job, new or changed."""
    _update(store, restore_id, {job_attribute(job.job_id): job_to_map(job)})


def record_problem(store: Store, restore_id: str, part: str, problem: str) -> None:
    """Record why a part of the new file system could not be set; empty: it is set."""
    name = problem_attribute(part)
    if problem:
        _update(store, restore_id, {name: problem})
    else:
        _update(store, restore_id, {}, remove=(name,))


def record_removed(store: Store, restore_id: str) -> None:
    """Record that the temporary file system of a session has been removed."""
    _update(store, restore_id, {"is_removed": YES})


def record_most_items(store: Store, restore_id: str, most_items: int) -> None:
    """Record the number of items per job after AWS Backup refused more."""
    _update(store, restore_id, {"most_items": most_items})


def record_restore_worker(store: Store, restore_id: str, *, worker_id: str, task_token: str) -> None:
    """Record the worker that the session waits for: before its launch without an id, and again after it."""
    _update(store, restore_id, {"worker_id": worker_id, "worker_token": task_token})


def close_restore(
    store: Store,
    restore_id: str,
    *,
    status: SessionStatus,
    reasons: Sequence[str],
    totals: Mapping[str, int],
    now: datetime,
) -> RestoreSession:
    """Record how the session ended and give its turn back, in one transaction; return the session."""
    ended: dict[Path, Value] = {
        "status": status.value,
        "phase": "ended",
        "reasons": tuple(reasons),
        "totals": dict(totals),
        "ended_at": now.isoformat(),
    }
    held = (equal("restore_id", restore_id),)
    while True:
        session = read_restore(store, restore_id)
        key = _turn_key(session.file_system, session)
        turn = store.get(INDEXES, key)
        has_turn = turn is not None and turn["restore_id"] == restore_id
        release = (Delete(table=INDEXES, key=key, conditions=held),) if has_turn else ()
        try:
            store.transact(_change(session, ended, remove=("running", "worker_id", "worker_token")), *release)
        except ConditionNotMet:
            continue
        return read_restore(store, restore_id)


def restores_since(store: Store, oldest: datetime, now: datetime) -> Iterator[RestoreSession]:
    """Return the restore sessions started between the two times, newest first. Eventually consistent."""
    found = items_by_month(store, RESTORES, RESTORES_BY_MONTH, oldest, now)
    return takewhile(lambda session: session.started_at >= oldest, map(RestoreSession.from_item, found))


def running_restore_ids(store: Store) -> Iterator[str]:
    """Return the ids of the restore sessions that are not closed, oldest first. Eventually consistent."""
    for item in store.query(RESTORES, RESTORES_RUNNING, RUNNING_MARK):
        yield str(item["restore_id"])


def _other(store: Store, restore_id: str | None) -> RestoreSession | None:
    try:
        return read_restore(store, str(restore_id))
    except RestoreNotFound:
        return None


def _change(
    session: RestoreSession, attributes: Mapping[Path, Value], *, remove: tuple[str, ...] = ()
) -> Update:
    """Return an update of a session, on the condition that it has not ended or taken its turn since."""
    return Update(
        table=RESTORES,
        key={"restore_id": session.restore_id},
        conditions=(equal("status", session.status.value), equal("phase", session.phase)),
        set=attributes,
        remove=remove,
    )


def _turn_key(file_system: FileSystem, session: RestoreSession) -> Key:
    record = f"{_TURN}#{session.restore_id}" if session.is_new else _TURN
    return {"file_system": str(file_system), "record": record}


def _update(
    store: Store, restore_id: str, attributes: Mapping[Path, Value], *, remove: tuple[str, ...] = ()
) -> None:
    update_existing(
        store,
        RESTORES,
        {"restore_id": restore_id},
        attributes,
        remove=remove,
        check_exists=lambda: read_restore(store, restore_id),
    )
