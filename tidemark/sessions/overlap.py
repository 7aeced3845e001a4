"""The overlap rule: one indexing session per file system at a time, shared by all sessions it overlaps.

    open      a session begins: if a lease is live, the session attaches to its index immediately
    claim     the index step: launch an indexing session, or share the running one
    complete  the index is complete: one transaction ends the lease and records every attached session
    fail      the index has failed: the same, with the reason
    add_point a recovery point or copy was created
    settle    associate the session's points, if its index is complete
    reopen    a redrive begins: the session attaches like one that opens now

Every function is idempotent: after a crash, a retry or a duplicate delivery it finds its earlier writes
and continues from there. The indexing session and the backup session each write their own record and then
read the other's with a strong read, so the later of the two writes the association. The invariants I1 to I5
are in docs/design.md; tests/sessions/test_interleavings.py checks these functions against them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tidemark.errors import IndexShared, LeaseLost, SessionExists
from tidemark.sessions.associations import write_association
from tidemark.sessions.indexing import (
    LEASE_DURATION,
    LONGEST_REASON,
    MOST_ATTACHED,
    USABLE,
    Association,
    Index,
    IndexStatus,
    Lease,
    association_key,
    lease_key,
)
from tidemark.sessions.records import read_index, read_lease, read_session, session_key, update_session
from tidemark.sessions.schema import INDEXES, SESSIONS
from tidemark.sessions.session import (
    RUNNING_MARK,
    FileSystem,
    Point,
    Session,
    SessionStatus,
    point_to_map,
)
from tidemark.sessions.transactions import (
    Condition,
    ConditionNotMet,
    Delete,
    Path,
    Put,
    Store,
    Update,
    Value,
    Write,
    absent,
    equal,
    unchanged,
)

_EXPIRED = (
    "its lease expired and was taken over: the execution was stopped or lost; the next session indexes again"
)


class Step(StrEnum):
    """The result of a session's index step."""

    LAUNCH = "launch"  # start the indexing session named by the index id; idempotent
    SHARE = "share"  # use the index of another session's indexing session, which may still run


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The index assigned to a session, and the step to take for it."""

    step: Step
    index_id: str


def open_session(store: Store, session: Session, now: datetime) -> Session:
    """Record the session and return it as recorded, attached to the running index, if any.

    Raises SessionExists if another execution has this session id.
    """
    while True:
        recorded = store.get(SESSIONS, session_key(session.session_id))
        if recorded is not None:
            found = Session.from_item(recorded)
            if found.execution_arn != session.execution_arn:
                raise SessionExists(session.session_id)
            return found
        lease = _lease_to_attach_to(store, session, now)
        attached = replace(session, index_id=lease.index_id) if lease else session
        try:
            store.transact(_new(attached), *([_attach(lease, session.session_id)] if lease else []))
        except ConditionNotMet:
            continue
        return attached


def reopen_session(store: Store, session_id: str, now: datetime) -> None:
    """Mark a closed session as running again, for a redrive that begins now.

    Detaches it from its earlier index, which does not describe the backup that is made now, maybe days later,
    and attaches it to the running index, if any (I2). A repeated call attaches it again.
    """
    while True:
        session = read_session(store, session_id)
        lease = _lease_to_attach_to(store, session, now)
        attributes: dict[Path, Value] = {
            "status": SessionStatus.RUNNING.value,
            "reasons": (),
            "running": RUNNING_MARK,
            "redriven_at": now.isoformat(),
        }
        if lease:
            attributes["index_id"] = lease.index_id
        update = Update(
            table=SESSIONS,
            key=session_key(session_id),
            conditions=(unchanged(session.to_item(), "index_id"),),
            set=attributes,
            remove=("ended_at",) if lease else ("ended_at", "index_id"),
        )
        try:
            store.transact(*([_attach(lease, session_id)] if lease else []), update)
        except ConditionNotMet:
            continue
        return


def claim(store: Store, session_id: str, new_index_id: str, now: datetime) -> Claim:
    """Assign an index to the session and return the step to take.

    A session whose index runs or is complete launches none (I2). A session without an index, or whose shared
    index has failed, takes the lease if it is free or expired, and otherwise attaches. `new_index_id` is
    used only if the lease is taken. Raises IndexShared if no more sessions can attach.
    """
    while True:
        session = read_session(store, session_id)
        if session.index_id is not None:
            index = read_index(store, session.file_system, session.index_id)
            if index is not None and index.status in USABLE:
                # The owner gets LAUNCH again: its first response may have been lost.
                step = Step.LAUNCH if _owns(store, session) else Step.SHARE
                return Claim(step=step, index_id=session.index_id)
        lease = read_lease(store, session.file_system)
        if lease is not None and lease.is_live(now):
            if not (lease.has_room or session_id in lease.sessions):
                raise IndexShared(lease.index_id, MOST_ATTACHED)
            writes: tuple[Write, ...] = (_attach(lease, session_id), _choose(session, lease.index_id))
            answer = Claim(step=Step.SHARE, index_id=lease.index_id)
        else:
            writes = _take(store, session, lease, new_index_id, now)
            answer = Claim(step=Step.LAUNCH, index_id=new_index_id)
        try:
            store.transact(*writes)
        except ConditionNotMet:
            continue
        return answer


def renew(store: Store, lease: Lease, now: datetime) -> bool:
    """Extend the lease to its full duration; return False if this index no longer holds it."""
    try:
        store.transact(
            Update(
                table=INDEXES,
                key=lease_key(lease.file_system),
                conditions=(equal("index_id", lease.index_id),),
                set={"expires_at": (now + LEASE_DURATION).isoformat()},
            )
        )
    except ConditionNotMet:
        return False
    return True


def hold(store: Store, file_system: FileSystem, index_id: str, now: datetime) -> None:
    """Extend the index's lease to its full duration; return also if the index is complete.

    Raises LeaseLost if neither holds: the caller must not write.
    """
    lease = read_lease(store, file_system)
    if lease is not None and lease.index_id == index_id and renew(store, lease, now):
        return
    index = read_index(store, file_system, index_id)
    if index is None or index.status is not IndexStatus.COMPLETE:
        raise LeaseLost(index_id)


def complete(
    store: Store, file_system: FileSystem, index_id: str, totals: Mapping[str, int | str], now: datetime
) -> Index:
    """Mark the index complete, end its lease, and return its record with all attached sessions.

    The caller settles each of them. Raises LeaseLost if the index no longer holds the lease.
    """
    index = _end(store, file_system, index_id, IndexStatus.COMPLETE, now, reason=None, totals=totals)
    if index is None or index.status is not IndexStatus.COMPLETE:
        raise LeaseLost(index_id)
    return index


def fail(store: Store, file_system: FileSystem, index_id: str, reason: str, now: datetime) -> Index | None:
    """Mark the index failed, end its lease, and return its record with all attached sessions (I4).

    An index that has already ended is unchanged. Returns None if the index has no record.
    """
    short = reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}..."
    return _end(store, file_system, index_id, IndexStatus.FAILED, now, reason=short, totals={})


# Writes the index into the tags of a session's point, before the association is written: after a crash in
# between, the tags are written again. Returns why they could not be written, or an empty string. Must not
# raise, because the association is authoritative and must be written in any case.
TagPoint = Callable[[Session, Point, Index], str]


def add_point(store: Store, session_id: str, point: Point, tag_point: TagPoint) -> Session:
    """Record a recovery point or copy on its session; associate it if the index is complete."""
    path = ("points", point.recovery_point_arn)
    update_session(store, session_id, {path: point_to_map(point)})
    return settle(store, session_id, tag_point)


def settle(store: Store, session_id: str, tag_point: TagPoint) -> Session:
    """Associate every point of the session with its index, if complete; return the session.

    If a point's tags could not be written, `tag_problem` has the reason, and the next call tries again.
    """
    session = read_session(store, session_id)
    if session.index_id is None or not session.points:
        return session
    index = read_index(store, session.file_system, session.index_id)
    if index is None or index.status is not IndexStatus.COMPLETE:
        return session
    settled = tuple(
        point if point in session.earlier_points else _associate(store, session, point, index, tag_point)
        for point in session.points
    )
    return replace(session, points=settled)


def _associate(store: Store, session: Session, point: Point, index: Index, tag_point: TagPoint) -> Point:
    association = Association(
        file_system=session.file_system,
        recovery_point_arn=point.recovery_point_arn,
        index_id=index.index_id,
        session_id=session.session_id,
    )
    key = association_key(session.file_system, point.recovery_point_arn)
    # Already written: a complete index is final, so it can only be the same one.
    written = store.get(INDEXES, key) is not None
    if written and not point.tag_problem:
        return point
    problem = tag_point(session, point, index)
    if problem != point.tag_problem:
        point = replace(point, tag_problem=problem)
        update_session(store, session.session_id, {("points", point.recovery_point_arn): point_to_map(point)})
    if not written:
        write_association(store, association)
    return point


def _owns(store: Store, session: Session) -> bool:
    lease = read_lease(store, session.file_system)
    return lease is not None and lease.index_id == session.index_id and lease.owner == session.session_id


def _new(session: Session) -> Put:
    return Put(table=SESSIONS, item=session.to_item(), conditions=(absent("session_id"),))


def _lease_to_attach_to(store: Store, session: Session, now: datetime) -> Lease | None:
    """Return the live lease that a session which begins now attaches to, if any (I2)."""
    lease = read_lease(store, session.file_system)
    can_attach = session.index_wanted and lease is not None and lease.is_live(now) and lease.has_room
    return lease if can_attach else None


def _attach(lease: Lease, session_id: str) -> Update:
    return Update(
        table=INDEXES,
        key=lease_key(lease.file_system),
        conditions=(equal("index_id", lease.index_id),),
        add={"sessions": frozenset({session_id})},
    )


def _choose(session: Session, index_id: str) -> Update:
    return Update(
        table=SESSIONS,
        key=session_key(session.session_id),
        conditions=(unchanged(session.to_item(), "index_id"),),
        set={"index_id": index_id},
    )


def _take(
    store: Store, session: Session, expired: Lease | None, index_id: str, now: datetime
) -> tuple[Write, ...]:
    """Return the writes that make `session` the owner of a new index, and end an expired one."""
    lease = Lease(
        file_system=session.file_system,
        index_id=index_id,
        owner=session.session_id,
        expires_at=now + LEASE_DURATION,
        sessions=frozenset({session.session_id}),
    )
    index = Index(
        file_system=session.file_system, index_id=index_id, status=IndexStatus.RUNNING, started_at=now
    )
    new_index = Put(table=INDEXES, item=index.to_item(), conditions=(absent("record"),))
    if expired is None:
        taken = Put(table=INDEXES, item=lease.to_item(), conditions=(absent("record"),))
        return (taken, new_index, _choose(session, index_id))
    taken = Put(table=INDEXES, item=lease.to_item(), conditions=_as_read(expired))
    lost = read_index(store, session.file_system, expired.index_id)
    if lost is None or lost.status is not IndexStatus.RUNNING:
        return (taken, new_index, _choose(session, index_id))
    ended = _ended(lost, expired.sessions, IndexStatus.FAILED, now, reason=_EXPIRED, totals={})
    return (taken, ended, new_index, _choose(session, index_id))


def _as_read(lease: Lease) -> tuple[Condition, ...]:
    """Hold if the lease was not attached to, renewed or ended since it was read."""
    item = lease.to_item()
    return (
        equal("index_id", item["index_id"]),
        equal("expires_at", item["expires_at"]),
        equal("sessions", item["sessions"]),
    )


def _ended(
    index: Index,
    attached: frozenset[str],
    status: IndexStatus,
    now: datetime,
    *,
    reason: str | None,
    totals: Mapping[str, int | str],
) -> Put:
    """Return the write that ends a running index and stores its attached sessions."""
    ended = replace(index, status=status, ended_at=now, reason=reason, sessions=attached, totals=totals)
    return Put(table=INDEXES, item=ended.to_item(), conditions=(equal("status", IndexStatus.RUNNING.value),))


def _end(
    store: Store,
    file_system: FileSystem,
    index_id: str,
    status: IndexStatus,
    now: datetime,
    *,
    reason: str | None,
    totals: Mapping[str, int | str],
) -> Index | None:
    """End a running index together with its lease; return its updated record."""
    while True:
        # Read the lease first: an index that still runs afterwards held the lease at that time.
        lease = read_lease(store, file_system)
        index = read_index(store, file_system, index_id)
        if index is None or index.status is not IndexStatus.RUNNING:
            return index
        if lease is not None and lease.index_id == index_id:
            # The attached set is part of the condition, so that a session which attaches now is not lost.
            conditions = (equal("index_id", index_id), equal("sessions", lease.sessions))
            release: tuple[Write, ...] = (
                Delete(table=INDEXES, key=lease_key(file_system), conditions=conditions),
            )
            attached = lease.sessions
        else:
            release = ()  # the lease was deleted manually; sessions still find the end when they poll
            attached = frozenset()
        try:
            store.transact(*release, _ended(index, attached, status, now, reason=reason, totals=totals))
        except ConditionNotMet:
            continue
