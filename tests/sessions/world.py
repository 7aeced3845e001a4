"""The state machines around the overlap rule: each step is the body of a Lambda, and AWS is a few items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from types import ModuleType
from typing import Any, Literal

from tests.sessions.calls import Aws
from tests.sessions.explorer import Next, Step
from tests.sessions.memory_store import ItemKey, MemoryStore, item_key
from tidemark.errors import LeaseLost
from tidemark.sessions import index_retention, overlap, queries, records, removal
from tidemark.sessions.index_retention import Facts, PointState
from tidemark.sessions.indexing import (
    LEASE_DURATION,
    Association,
    Index,
    IndexStatus,
    Lease,
    association_key,
    index_key,
    lease_key,
)
from tidemark.sessions.outcome import Outcome, decide_outcome
from tidemark.sessions.schema import INDEXES, SESSIONS
from tidemark.sessions.session import FileSystem, Point, Session, SessionStatus
from tidemark.sessions.sweep_schedule import SWEEP_GRACE
from tidemark.sessions.transactions import Item, Put, Write

FS = FileSystem("111122223333", "eu-central-1", "fs-0123456789abcdef0")
START = datetime(2026, 11, 22, 2, tzinfo=UTC)
AFTER_EXPIRY = START + LEASE_DURATION + timedelta(seconds=1)
LATER = AFTER_EXPIRY + LEASE_DURATION + timedelta(seconds=1)

POINT_KINDS: tuple[Literal["backup", "copy"], ...] = ("backup", "copy")
LEASE: ItemKey = (INDEXES.suffix, *lease_key(FS).values())
# Represents the time, which is in neither table.
CLOCK: ItemKey = ("clock",)


@dataclass(frozen=True)
class World:
    """The steps of the state machines, and the invariants of their writes."""

    ends: Literal["complete", "fail", "lost"]  # how the workers end
    clock_moves: bool = False  # an hour may pass at any moment
    copies: bool = True  # each session makes a copy in parallel to its index step
    close_settles: bool = True
    rule: ModuleType = overlap
    records: ModuleType = queries
    removal: ModuleType = removal
    knows_sessions: bool = True  # whether retention reads the sessions of an index
    met: set[str] = field(
        default_factory=set
    )  # events that occurred in some order, so that no test is vacuous

    @property
    def steps(self) -> Mapping[str, Step]:
        """Every step by its name."""
        return {
            "open": self.open,
            "backup": self.backup,
            "fork": self.fork,
            "copy": self.copy,
            "claim": self.claim,
            "launch": self.launch,
            "await": self.await_index,
            "close": self.close,
            "fail backup": self.fail_backup,
            "redrive": self.redrive,
            "lost": self.lost,
            "complete": self.complete,
            "fail": self.fail,
            "sweep": self.sweep,
            "late sweep": partial(self.sweep, late=True),
            "tick": self.tick,
            "prune": self.prune,
        }

    # backup-session

    def open(self, aws: Aws, name: str, after: str = "backup") -> Next:
        now = self._now(aws)
        opened = self.rule.open_session(aws, new_session(name), now)
        if opened.index_id is not None and not aws.is_twin:
            self.met.add("a session is attached when it opens")
            aws.note(("attached at open", name), {"index_id": opened.index_id})
        return after, (name,)

    def backup(self, aws: Aws, name: str) -> Next:
        self.rule.add_point(aws, name, point(name, "backup"), partial(_tag, aws))
        return "fork", (name,)

    def fork(self, aws: Aws, name: str) -> Next:
        branches = {f"{name}/index": "claim"} | ({f"{name}/copy": "copy"} if self.copies else {})
        for branch, step in branches.items():
            aws.start(branch, step, (name,))
        aws.join(*branches)
        return "close", (name,)

    def copy(self, aws: Aws, name: str) -> Next:
        self.rule.add_point(aws, name, point(name, "copy"), partial(_tag, aws))
        return None

    def claim(self, aws: Aws, name: str) -> Next:
        now = self._now(aws)
        answer = self.rule.claim(aws, name, f"index-of-{name}-{aws.attempt}", now)
        self.rule.settle(aws, name, partial(_tag, aws))
        return ("launch" if answer.step == overlap.Step.LAUNCH else "await"), (name, answer.index_id)

    def launch(self, aws: Aws, name: str, index_id: str) -> Next:
        aws.start(f"indexing/{index_id}", self.ends, (index_id,))
        return "await", (name, index_id)

    def await_index(self, aws: Aws, name: str, _index_id: str) -> Next:
        token = f"token {aws.attempt} of {name}"
        index = self.records.wait_for_index(aws, name, token)
        if index is None and not self.knows_sessions:
            return None  # the step fails, and its session reports it
        assert index is not None, f"{name} has claimed an index that has no record"
        if index.status is IndexStatus.RUNNING:
            aws.wait(("answered", token))
        return None

    def close(self, aws: Aws, name: str) -> Next:
        if self.close_settles:
            self.rule.settle(aws, name, partial(_tag, aws))
        session = records.read_session(aws, name)
        index = records.read_index(aws, FS, session.index_id) if session.index_id else None
        self.records.close_session(
            aws, name, decide_outcome(session, index, failure=None, problems=()), START
        )
        return None

    def fail_backup(self, aws: Aws, name: str) -> Next:
        """The backup job and the session have failed."""
        failed = Outcome(status=SessionStatus.FAILED, reasons=("the backup job failed",))
        self.records.close_session(aws, name, failed, START)
        return "redrive", (name,)

    def redrive(self, aws: Aws, name: str) -> Next:
        self.rule.reopen_session(aws, name, self._now(aws))
        met = records.read_session(aws, name).index_id
        if not aws.is_twin:
            aws.note(("attached at open", name), {"index_id": met or ""})
        return "backup", (name,)

    # indexing-session

    def lost(self, _aws: Aws, _index_id: str) -> Next:
        """The execution was aborted: its items remain."""
        return None

    def complete(self, aws: Aws, index_id: str) -> Next:
        now = self._now(aws)
        try:
            index = self.rule.complete(aws, FS, index_id, {"files": 1}, now)
        except LeaseLost:
            self.met.add("a worker comes back after its lease was taken over")
            return "fail", (index_id,)
        self._announce(aws, index)
        return None

    def fail(self, aws: Aws, index_id: str) -> Next:
        now = self._now(aws)
        index = self.rule.fail(aws, FS, index_id, "the worker failed", now)
        if index is not None:
            self._announce(aws, index)
        return None

    def _announce(self, aws: Aws, index: Index) -> None:
        if len(index.sessions) > 1:
            self.met.add("an index is shared")
        for session_id in sorted(index.sessions):
            session = self.rule.settle(aws, session_id, partial(_tag, aws))
            if session.waiting_token is not None:
                aws.note(("answered", session.waiting_token), {"index_id": index.index_id})

    # in parallel to them

    def sweep(self, aws: Aws, *, late: bool = False) -> Next:
        """`late`: the sweep runs after all leases have expired without any other step."""
        now = LATER if late else self._now(aws)
        lease = records.read_lease(aws, FS)
        if lease is None:
            return None
        if aws.is_running(f"indexing/{lease.index_id}"):
            self.met.add("the sweeper renews")
            self.rule.renew(aws, lease, now)
        elif now - (lease.expires_at - LEASE_DURATION) >= SWEEP_GRACE:
            self.met.add("the sweeper gives an index up")
            index = self.rule.fail(aws, FS, lease.index_id, "its execution was aborted", now)
            if index is not None:
                self._announce(aws, index)
        return None

    def tick(self, aws: Aws) -> Next:
        """More time passes than the duration of a lease."""
        aws.write(CLOCK, {"now": AFTER_EXPIRY.isoformat()})
        return None

    def prune(self, aws: Aws, *index_ids: str) -> Next:
        """Remove indexes that no point refers to, long after they have ended; all points exist."""
        now = LATER + index_retention.REDRIVABLE
        found = {each: records.read_index(aws, FS, each) for each in index_ids}
        arns = [point(name, kind).recovery_point_arn for name in ("s0", "s1") for kind in POINT_KINDS]
        items = [aws.get(INDEXES, association_key(FS, arn)) for arn in arns]
        associations = tuple(Association.from_item(item) for item in items if item is not None)
        names = sorted({name for index in found.values() if index for name in index.sessions})
        facts = Facts(
            file_system=FS,
            records={each: index for each, index in found.items() if index is not None},
            associations=associations,
            sessions={each: records.read_session(aws, each) for each in names} if self.knows_sessions else {},
            points=dict.fromkeys(arns, PointState.LIVING),
            stored={},
            is_restoring=False,
        )
        for planned in index_retention.plan(facts, now).removals:
            assert planned.record is not None
            self.met.add(f"removes a {planned.record.status.value} index")
            if self.removal.retire(aws, planned.record):
                self.removal.forget_index(aws, FS, planned.index_id)
            else:
                self.met.add("a removal is refused")
        return None

    def _now(self, aws: Aws) -> datetime:
        if not self.clock_moves:
            return START
        item = aws.read(CLOCK)
        return START if item is None else AFTER_EXPIRY

    def at_write(self, writes: tuple[Write, ...], stored: Callable[[ItemKey], Item | None]) -> None:
        """Check I1 when a transaction is written: no valid lease is taken from its index."""
        item = stored(LEASE)
        lease = None if item is None else Lease.from_item(item)
        if lease is None or not lease.is_live(START if stored(CLOCK) is None else AFTER_EXPIRY):
            return
        for write in writes:
            if isinstance(write, Put) and item_key(write.table, write.item) == LEASE:
                assert write.item["index_id"] == lease.index_id, f"I1: {lease.index_id} has a live lease"

    def at_end(self, stored: Mapping[ItemKey, Item], started: frozenset[str]) -> None:
        """Check I2, I3 and I4 on the items after all actors have ended."""
        found = {key[1]: Session.from_item(item) for key, item in stored.items() if key[0] == SESSIONS.suffix}
        for name, session in found.items():
            kinds = {"backup", "copy"} if self.copies or name == "old" else {"backup"}
            assert session.status is not SessionStatus.RUNNING
            assert {made.kind for made in session.points} == kinds
            index = _index(stored, session.index_id)
            for made in session.points:
                _check_point(stored, session, index, made)
            if index is None or index.status is not IndexStatus.COMPLETE:
                assert session.reasons, f"I3/I4: {name} is silently without an index"
            if stored.get(("attached at open", name), {}).get("index_id"):
                shared = _index(stored, str(stored["attached at open", name]["index_id"]))
                own = [actor for actor in started if actor.startswith(f"indexing/index-of-{name}-")]
                if shared is None:
                    self.met.add("the index that a session was attached to has been removed")
                elif shared.status is IndexStatus.FAILED:
                    if own:
                        self.met.add("a session indexes again after its shared index failed")
                else:
                    assert own == [], f"I2: {name} met {shared.index_id} and launched {own}"
                    assert session.index_id == shared.index_id, f"I2: {name} met {shared.index_id}"


def after_every_write(stored: Mapping[ItemKey, Item]) -> None:
    """Check I1 and I5 on the records."""
    leases = [Lease.from_item(item) for key, item in stored.items() if key[2:] == ("lease",)]
    indexes = {item["index_id"]: item for item in _of_kind(stored, "index#")}
    running = [index_id for index_id, item in indexes.items() if item["status"] == "running"]
    assert len(running) <= 1, f"I1: two indexing sessions run at once: {running}"
    assert running == [lease.index_id for lease in leases], "the lease and the running index differ"
    for lease in leases:
        assert lease.owner in lease.sessions, "an owner without its index"
    for key, item in stored.items():
        if key[0] == SESSIONS.suffix and item.get("index_id") in indexes:  # others have been removed
            assert key[1] in _attached(indexes, leases, str(item["index_id"])), f"{key[1]} will get no answer"
    for item in _of_kind(stored, "association#"):
        associated = indexes.get(item["index_id"], {})
        assert associated.get("status") == "complete", "I5: the associated index is not complete"
        tag = stored["tag", str(item["recovery_point_arn"])]
        assert tag["index_id"] == item["index_id"], "an association that the point's tags do not know"


def _attached(indexes: Mapping[Any, Item], leases: list[Lease], index_id: str) -> frozenset[str]:
    index = Index.from_item(indexes[index_id])
    return leases[0].sessions if index.status is IndexStatus.RUNNING else index.sessions


def _check_point(stored: Mapping[ItemKey, Item], session: Session, index: Index | None, made: Point) -> None:
    key = association_key(FS, made.recovery_point_arn)
    item = stored.get((INDEXES.suffix, *key.values()))
    if index is None or index.status is not IndexStatus.COMPLETE:
        assert item is None, (
            f"{made.kind} of {session.session_id} has an index that its session does not have"
        )
        return
    assert item is not None, f"I3: {made.kind} of {session.session_id} has no index"
    assert Association.from_item(item).index_id == index.index_id, "I3"


def _tag(aws: Aws, _session: Session, made: Point, index: Index) -> str:
    aws.note(("tag", made.recovery_point_arn), {"index_id": index.index_id})
    return ""


def _index(stored: Mapping[ItemKey, Item], index_id: str | None) -> Index | None:
    item = stored.get((INDEXES.suffix, *index_key(FS, index_id).values())) if index_id else None
    return None if item is None else Index.from_item(item)


def _of_kind(stored: Mapping[ItemKey, Item], kind: str) -> list[Item]:
    return [item for key, item in stored.items() if key[0] == INDEXES.suffix and key[2].startswith(kind)]


def new_session(name: str) -> Session:
    """Return the session that `name` is about to open."""
    return Session(
        session_id=name,
        policy="nightly",
        file_system=FS,
        execution_arn=f"arn:{name}",
        opened_at=START,
        index_wanted=True,
    )


def point(session: str, kind: Literal["backup", "copy"]) -> Point:
    """Return a point of a session."""
    return Point(
        recovery_point_arn=f"arn:{session}:{kind}",
        kind=kind,
        account=FS.account,
        region=FS.region,
        vault="vault",
        job_id="job",
        size_bytes=1,
        completed_at=START,
    )


def with_an_old_session() -> Mapping[ItemKey, Item]:
    """Return the items of a session that was closed while its index was still being created."""
    store = MemoryStore()
    overlap.open_session(store, new_session("old"), START)
    for kind in ("backup", "copy"):
        overlap.add_point(store, "old", point("old", kind), lambda *_: "")
    overlap.claim(store, "old", "index-of-old-0", START)
    waits = Outcome(status=SessionStatus.WARNING, reasons=("not indexed yet",))
    queries.close_session(store, "old", waits, START)
    return store.items
