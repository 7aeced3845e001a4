"""The overlap rule: one indexing session at a time, and its index belongs to every session that met it.

    open      a session begins: if a lease is live, it is attached to that index at once
    claim     its index step: launch an indexing session, or share the one that runs
    complete  the index is whole: one transaction ends the lease and names every attached session
    fail      the index will never be: the same, with the reason
    add_point a recovery point or copy has appeared
    settle    associate what a session has, if its index is complete
    reopen    a redrive begins: the session meets the indexes of today as one that opens now does

Every function may be called again with the same arguments: after a crash, a retry or a duplicate
delivery it finds what it had written and goes on from there. Each side writes its half and then reads
the other's with a strong read, so whoever comes last writes the association. The invariants I1 to I5
are in docs/design.md, and tests/sessions/test_interleavings.py holds these functions to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tidemark.errors import IndexShared, LeaseLost, SessionExists
from tidemark.sessions.indexing import (
    LEASE_DURATION,
    LONGEST_REASON,
    MOST_ATTACHED,
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
    "its lease expired and was taken over: the execution was stopped or lost; the next session indexes anew"
)


class Step(StrEnum):
    """What a session does about its index."""

    LAUNCH = "launch"  # start the indexing session named by the index id; starting it twice starts it once
    SHARE = "share"  # wait for the index that another session's indexing session makes, or has made


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The answer to a session's index step."""

    step: Step
    index_id: str


def open_session(store: Store, session: Session, now: datetime) -> Session:
    """Record the session and return it as recorded, with the index that is being made now, if one is.

    Raises SessionExists when another execution has this session id.
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

    The index that it had met when it began is not of the backup that is made now, maybe days later: it gets
    the one that is being made now, or none yet (I2). Called again, it does so again.
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
    """Return what the session has to do about its index, having secured its right to it.

    A session that already has an index which runs or is complete launches none (I2). One that has none,
    or whose shared index has failed meanwhile, takes the lease if it is free or expired, else attaches.
    `new_index_id` is used only when the lease is taken. Raises IndexShared where no more can attach.
    """
    while True:
        session = read_session(store, session_id)
        if session.index_id is not None:
            index = read_index(store, session.file_system, session.index_id)
            if index is not None and index.status is not IndexStatus.FAILED:
                # The owner is told to launch again: its first answer may have been lost on the way.
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
    """Give the lease its full duration again; return False when it is no longer this index's."""
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
    """Return if the index's lease is held, for its full duration again, or the index is complete.

    Raises LeaseLost: what is written now would be written by nobody's right.
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
    """Mark the index complete, end its lease, and return its record with the sessions it belongs to.

    The caller settles each of them. Raises LeaseLost when the index had been given up meanwhile.
    """
    index = _end(store, file_system, index_id, IndexStatus.COMPLETE, now, reason=None, totals=totals)
    if index is None or index.status is not IndexStatus.COMPLETE:
        raise LeaseLost(index_id)
    return index


def fail(store: Store, file_system: FileSystem, index_id: str, reason: str, now: datetime) -> Index | None:
    """Mark the index failed, end its lease, and return its record with the sessions that must say so (I4).

    An index that has ended already stays as it is. None: there never was one.
    """
    short = reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}..."
    return _end(store, file_system, index_id, IndexStatus.FAILED, now, reason=short, totals={})


# Called with a session, one of its points and its index before their association is written: a crash in
# between leaves a point that is told its index again. Returns why it could not be told, or nothing; it raises
# nothing, for the association counts and must be written in any case.
TagPoint = Callable[[Session, Point, Index], str]


def add_point(store: Store, session_id: str, point: Point, tag_point: TagPoint) -> Session:
    """Record a recovery point or copy on its session, associate it if the index is complete already."""
    path = ("points", point.recovery_point_arn)
    update_session(store, session_id, {path: point_to_map(point)})
    return settle(store, session_id, tag_point)


def settle(store: Store, session_id: str, tag_point: TagPoint) -> Session:
    """Associate every point of the session with its index if that is complete; return the session.

    A point whose tags could not be told the index says so in `tag_problem`, and is told again.
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
    # Written by whoever came before: a complete index is final, so it can only be the same one.
    written = store.get(INDEXES, key) is not None
    if written and not point.tag_problem:
        return point
    problem = tag_point(session, point, index)
    if problem != point.tag_problem:
        point = replace(point, tag_problem=problem)
        update_session(store, session.session_id, {("points", point.recovery_point_arn): point_to_map(point)})
    if not written:
        with suppress(ConditionNotMet):  # somebody came before meanwhile
            store.transact(Put(table=INDEXES, item=association.to_item(), conditions=(absent("record"),)))
    return point


def _owns(store: Store, session: Session) -> bool:
    lease = read_lease(store, session.file_system)
    return lease is not None and lease.index_id == session.index_id and lease.owner == session.session_id


def _new(session: Session) -> Put:
    return Put(table=SESSIONS, item=session.to_item(), conditions=(absent("session_id"),))


def _lease_to_attach_to(store: Store, session: Session, now: datetime) -> Lease | None:
    """Return the lease of the indexing session that a session which begins now takes part in, if any (I2)."""
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
    """Return the writes that make `session` the owner of a new index, ending an expired one's."""
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
    """Hold when nobody attached to, renewed or ended the lease since it was read."""
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
    """Return the write that ends a running index, for all sessions that are attached to it."""
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
    """End a running index together with its lease; return its record as it then is."""
    while True:
        # The lease first: an index that runs after it was read held it then.
        lease = read_lease(store, file_system)
        index = read_index(store, file_system, index_id)
        if index is None or index.status is not IndexStatus.RUNNING:
            return index
        if lease is not None and lease.index_id == index_id:
            # The attached set is part of the condition: a session that attaches now is not forgotten.
            conditions = (equal("index_id", index_id), equal("sessions", lease.sessions))
            release: tuple[Write, ...] = (
                Delete(table=INDEXES, key=lease_key(file_system), conditions=conditions),
            )
            attached = lease.sessions
        else:
            release = ()  # somebody deleted the lease by hand; sessions still learn of the end when they ask
            attached = frozenset()
        try:
            store.transact(*release, _ended(index, attached, status, now, reason=reason, totals=totals))
        except ConditionNotMet:
            continue
