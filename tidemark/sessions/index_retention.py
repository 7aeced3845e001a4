"""Which indexes of a file system are removed, and why: the second half of I5.

An index is kept until its own time has passed and no recovery point or copy refers to it. A reference is an
association, or a point of a session to which the index was assigned: after a crash, the association may not
have been written. Everything that is uncertain keeps the index: a point that cannot be looked up, a session
that may still write, an index without a record. `plan` is a pure function of `Facts`; index_facts.py reads
them, and removal.py executes the result.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from tidemark.sessions.indexing import Association, Index, IndexStatus
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.session import FileSystem, Session, SessionStatus

# The steps that follow the end of an index associate it with its sessions, and retry for some hours.
SAFETY_AGE = timedelta(days=1)
# An aborted execution can be redriven for this time, and then associates points with its index. Source: Step
# Functions Developer Guide, "Redriving executions".
REDRIVABLE = timedelta(days=14)
# Until files without a manifest and without a record are removed: an index that is built manually can be
# resumed, and after a loss of the tables a crawl may still be in progress. A backup takes up to 30 days.
UNKNOWN_AGE = timedelta(days=30)
# A log of recent versions covers at most this many indexes before its own; see docs/index-format.md, History.
_RECENT = 8


class PointState(StrEnum):
    """Whether a recovery point exists."""

    LIVING = "living"
    GONE = "gone"
    UNKNOWN = "unknown"  # it cannot be looked up


class Why(StrEnum):
    """Why an index, or a part of it, is removed."""

    EXPIRED = "expired"  # complete; its own time has passed, and no recovery point refers to it
    FAILED = "failed"  # its indexing session has failed
    UNFINISHED = "unfinished"  # files without a manifest and without a record
    INTERRUPTED = "interrupted"  # an earlier removal did not end
    LEFTOVER = "leftover"  # files of lost attempts and checkpoints, next to an index that is kept
    TESTED = "tested"  # the index of a restored point that no longer exists


class Kept(StrEnum):
    """Why an index is kept."""

    POINTS = "points"  # a recovery point or copy refers to it
    UNCLEAR = "unclear"  # a point that refers to it cannot be looked up
    SESSION = "session"  # a session that may still associate a point is in progress or can be redriven
    RUNNING = "running"  # it is being created
    OWN_TIME = "own-time"  # its own time has not passed
    YOUNG = "young"  # it ended less than SAFETY_AGE ago
    RESTORE = "restore"  # a restore session of the file system is running
    HISTORY = "history"  # it contains the log of versions that later indexes refer to
    NO_RECORD = "no-record"  # it is visible and has no record: built manually, or the tables were lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The objects of one index in the repository."""

    has_manifest: bool
    objects: int
    size_bytes: int
    modified_at: datetime  # UTC; of the newest object
    # Objects that no manifest names, relative to the index, with their sizes; not those of running indexes.
    leftovers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The records of one file system, the objects of its indexes, and the recovery points that exist."""

    file_system: FileSystem
    records: Mapping[str, Index]  # by index id
    associations: tuple[Association, ...]
    sessions: Mapping[str, Session]  # at least those of failed indexes, and of complete ones without a point
    points: Mapping[str, PointState]  # by ARN: of every association and of the sessions' points
    stored: Mapping[str, Stored]  # by index id
    is_restoring: bool  # whether a restore session of the file system is running
    # The indexes of restored points and the sessions of their restore tests, by restore id.
    exact: Mapping[str, Stored] = field(default_factory=dict)
    tests: Mapping[str, RestoreSession] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """An index to be removed, or with LEFTOVER the files next to it."""

    index_id: str  # with TESTED, the id of the restore test
    why: Why
    objects: int
    size_bytes: int
    record: Index | None = None  # as read; its removal is refused if it has changed since
    files: tuple[str, ...] = ()  # with LEFTOVER: the files, relative to the index


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptIndex:
    """An index that is kept."""

    index_id: str  # of the index of a restored point: the id of the restore test
    why: Kept
    detail: str = ""  # the ARN, session or time, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What retention removes of one file system, oldest first, and what it keeps."""

    file_system: FileSystem
    removals: tuple[Removal, ...]
    associations: tuple[Association, ...]  # of points that no longer exist
    kept: tuple[KeptIndex, ...]

    @property
    def size_bytes(self) -> int:
        """The bytes that the removals free, once the bucket has expired their noncurrent versions."""
        return sum(removal.size_bytes for removal in self.removals)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to remove."""
        return not self.removals and not self.associations


def plan(facts: Facts, now: datetime, holds_history: Container[str] = ()) -> Plan:
    """Return what is removed at this time.

    `holds_history` contains the ids of the indexes whose manifest names a `history.parquet`. It is read only
    if a complete index would be removed, and only for the newest indexes.
    """
    decided = {
        index_id: _decide(facts, index_id, now) for index_id in sorted({*facts.records, *facts.stored})
    }
    needed = _needed_for_history(facts, decided, holds_history)
    if needed is not None:
        decided[needed] = KeptIndex(index_id=needed, why=Kept.HISTORY)
    removals = [each for each in decided.values() if isinstance(each, Removal)]
    kept = [each for each in decided.values() if isinstance(each, KeptIndex)]
    removals += _leftovers(facts, kept, now)
    for restore_id, stored in sorted(facts.exact.items()):
        why = _why_exact_is_kept(facts, facts.tests.get(restore_id), now)
        if why is not None:
            kept.append(KeptIndex(index_id=restore_id, why=why))
            continue
        removals.append(
            Removal(index_id=restore_id, why=Why.TESTED, objects=stored.objects, size_bytes=stored.size_bytes)
        )
    return Plan(
        file_system=facts.file_system,
        removals=tuple(sorted(removals, key=lambda each: each.index_id)),
        associations=tuple(
            each for each in facts.associations if facts.points[each.recovery_point_arn] is PointState.GONE
        ),
        kept=tuple(kept),
    )


def own_time_ends(index: Index, sessions: Mapping[str, Session]) -> datetime | None:
    """Return when the own time of an ended index ends; None: never.

    The longest time that the policies of its sessions request. Without one it is the end of the index, which
    is then kept as long as its recovery points.
    """
    ended_at = index.ended_at or index.started_at
    days = [sessions[each].index_keep_days for each in index.sessions if each in sessions]
    if None in days:
        return None
    return ended_at + timedelta(days=max((each for each in days if each is not None), default=0))


def references(facts: Facts, index_id: str) -> Iterator[str]:
    """Yield the ARNs of the recovery points that refer to an index; some of them may be gone."""
    for association in facts.associations:
        if association.index_id == index_id:
            yield association.recovery_point_arn
    record = facts.records.get(index_id)
    for session_id in sorted(record.sessions) if record else ():
        session = facts.sessions.get(session_id)
        if session is not None and session.index_id == index_id:
            earlier = session.earlier_points
            yield from (each.recovery_point_arn for each in session.points if each not in earlier)


def is_under_way(session: Session, now: datetime) -> bool:
    """Return whether a session may still associate points with its index."""
    if session.is_watched:
        return True
    if session.status is not SessionStatus.ABORTED or session.ended_at is None:
        return False
    return now - session.ended_at < REDRIVABLE


def _decide(facts: Facts, index_id: str, now: datetime) -> Removal | KeptIndex:
    record, stored = facts.records.get(index_id), facts.stored.get(index_id)
    if record is None:
        if stored is None or stored.has_manifest:
            return KeptIndex(index_id=index_id, why=Kept.NO_RECORD)
        if now - stored.modified_at < UNKNOWN_AGE:
            return KeptIndex(index_id=index_id, why=Kept.YOUNG, detail=_moment(stored.modified_at))
        return _removal(facts, index_id, Why.UNFINISHED)
    if record.status is IndexStatus.RUNNING:
        return KeptIndex(index_id=index_id, why=Kept.RUNNING)
    if record.status is IndexStatus.REMOVING:
        return _removal(facts, index_id, Why.INTERRUPTED)
    if record.status is IndexStatus.COMPLETE and (kept := _why_kept(facts, record, now)):
        return kept
    for session_id in sorted(record.sessions):  # also of a failed index, whose reason they report
        session = facts.sessions.get(session_id)
        if session is not None and is_under_way(session, now):
            return KeptIndex(index_id=index_id, why=Kept.SESSION, detail=session_id)
    ended_at = record.ended_at or record.started_at
    if now - ended_at < SAFETY_AGE:
        return KeptIndex(index_id=index_id, why=Kept.YOUNG, detail=_moment(ended_at))
    return _removal(facts, index_id, Why.EXPIRED if record.status is IndexStatus.COMPLETE else Why.FAILED)


def _why_kept(facts: Facts, record: Index, now: datetime) -> KeptIndex | None:
    """Return why a complete index is kept regardless of its sessions and its age."""
    index_id = record.index_id
    states = {arn: facts.points[arn] for arn in references(facts, index_id)}
    living = [arn for arn, state in states.items() if state is PointState.LIVING]
    if living:
        return KeptIndex(index_id=index_id, why=Kept.POINTS, detail=str(len(living)))
    unclear = [arn for arn, state in states.items() if state is PointState.UNKNOWN]
    if unclear:
        return KeptIndex(index_id=index_id, why=Kept.UNCLEAR, detail=unclear[0])
    own = own_time_ends(record, facts.sessions)
    if own is None or now < own:
        return KeptIndex(index_id=index_id, why=Kept.OWN_TIME, detail=_moment(own) if own else "forever")
    if facts.is_restoring:
        return KeptIndex(index_id=index_id, why=Kept.RESTORE)
    return None


def _needed_for_history(
    facts: Facts, decided: Mapping[str, Removal | KeptIndex], holds_history: Container[str]
) -> str | None:
    """Return the expired index whose log of versions the newest kept index refers to, if any."""
    visible = [index_id for index_id in decided if _is_visible(facts, index_id)]
    while visible and isinstance(decided[visible[-1]], Removal):
        visible.pop()
    recent = visible[-1 - _RECENT :]
    if all(isinstance(decided[index_id], KeptIndex) for index_id in recent):
        return None
    for index_id in reversed(recent):
        if index_id in holds_history:
            return index_id if isinstance(decided[index_id], Removal) else None
    return None


def _is_visible(facts: Facts, index_id: str) -> bool:
    record, stored = facts.records.get(index_id), facts.stored.get(index_id)
    has_manifest = stored is not None and stored.has_manifest
    return has_manifest and (record is None or record.status is IndexStatus.COMPLETE)


def _leftovers(facts: Facts, kept: list[KeptIndex], now: datetime) -> Iterator[Removal]:
    """Yield the files that lost workers left next to indexes that are kept."""
    for each in kept:
        record, stored = facts.records.get(each.index_id), facts.stored.get(each.index_id)
        if record is None or stored is None or not stored.leftovers:
            continue
        if record.ended_at is not None and now - record.ended_at >= SAFETY_AGE:
            yield Removal(
                index_id=each.index_id,
                why=Why.LEFTOVER,
                objects=len(stored.leftovers),
                size_bytes=sum(stored.leftovers.values()),
                record=record,
                files=tuple(stored.leftovers),
            )


def _why_exact_is_kept(facts: Facts, session: RestoreSession | None, now: datetime) -> Kept | None:
    """Return why the index of a restored point is kept; None if the point no longer exists."""
    if session is None or session.test is None:
        return Kept.NO_RECORD
    state = facts.points[session.test.recovery_point_arn]
    if state is not PointState.GONE:
        return Kept.POINTS if state is PointState.LIVING else Kept.UNCLEAR
    if session.status is SessionStatus.RUNNING or session.ended_at is None:
        return Kept.RESTORE
    return Kept.YOUNG if now - session.ended_at < SAFETY_AGE else None


def _removal(facts: Facts, index_id: str, why: Why) -> Removal:
    stored = facts.stored.get(index_id)
    return Removal(
        index_id=index_id,
        why=why,
        objects=stored.objects if stored else 0,
        size_bytes=stored.size_bytes if stored else 0,
        record=facts.records.get(index_id),
    )


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
