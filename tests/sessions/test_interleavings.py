"""The invariants of the overlap rule, under every interleaving of what can happen at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from tests.sessions.explorer import Crash, Run, Scenario, explore
from tests.sessions.memory_store import MemoryStore

from tidemark.errors import LeaseLost
from tidemark.sessions.indexing import (
    LEASE_DURATION,
    Association,
    Index,
    IndexStatus,
    Lease,
    association_key,
)
from tidemark.sessions.items import read_index, read_session
from tidemark.sessions.ledger import close_session, wait_for_index
from tidemark.sessions.outcome import conclude
from tidemark.sessions.overlap import Step, add_point, claim, complete, fail, open_session, settle
from tidemark.sessions.schema import INDEXES, SESSIONS
from tidemark.sessions.session import FileSystem, Point, Session
from tidemark.sessions.store import ConditionNotMet

FS = FileSystem("111122223333", "eu-central-1", "fs-0123456789abcdef0")
START = datetime(2026, 11, 22, 2, tzinfo=UTC)


class SteppedStore(MemoryStore):
    """Every call is a point where another actor may go on, before it and (by the next call) after it."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self.version = 0
        self._state: tuple[int, int] = (-1, 0)

    def state(self) -> int:
        if self._state[0] != self.version:
            self._state = (self.version, hash(repr(self.tables)))
        return self._state[1]

    def get(self, table: Any, key: Any) -> Any:
        self._run.point()
        found = super().get(table, key)
        self._run.saw(repr(found))
        return found

    def transact(self, *writes: Any) -> None:
        self._run.point()
        try:
            super().transact(*writes)
        except ConditionNotMet:
            self._run.saw("refused")
            raise
        self.version += 1
        self._run.answer_point()


@dataclass
class World:
    """AWS around the rule: executions by name, task tokens, a clock, and who launched what."""

    run: Run
    store: SteppedStore
    indexing_ends: str  # complete | fail | lost
    now: datetime = START
    launched: list[tuple[str, str]] = field(default_factory=list)  # session, index
    attached_at_open: dict[str, str] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    closed: dict[str, Any] = field(default_factory=dict)
    tagged: dict[str, str] = field(default_factory=dict)
    checked: int = -1  # the version of the store that was checked last

    def retried(self, call: Callable[[], Any]) -> Any:
        """A step: when its process is lost, Step Functions runs it again."""
        while True:
            try:
                return call()
            except Crash:
                continue

    def tag(self, session: Session, point: Point, index_id: str) -> None:
        assert self.tagged.setdefault(point.recovery_point_arn, index_id) == index_id

    def session(self, name: str, *, twice: bool = False) -> None:
        """The state machine backup-session. `twice`: every step is delivered a second time."""
        times = 2 if twice else 1
        new = Session(
            session_id=name,
            policy="nightly",
            file_system=FS,
            execution_arn=f"arn:{name}",
            opened_at=self.now,
            index_wanted=True,
        )
        for _ in range(times):
            opened = self.retried(lambda: open_session(self.store, new, self.now))
        if opened.index_id is not None:
            self.attached_at_open[name] = opened.index_id
        for _ in range(times):
            self.retried(lambda: add_point(self.store, name, point(name, "backup"), self.tag))
        self.run.start(f"{name}/copy", partial(self.copy, name))
        self.run.start(f"{name}/index", partial(self.index_step, name, times))
        self.run.wait_until(lambda: {f"{name}/copy", f"{name}/index"} <= self.answered)
        self.retried(lambda: self.close(name))

    def copy(self, name: str) -> None:
        self.retried(lambda: add_point(self.store, name, point(name, "copy"), self.tag))
        self.answered.add(f"{name}/copy")

    def index_step(self, name: str, times: int) -> None:
        for attempt in range(times):
            new_id = f"index-of-{name}-{attempt}"
            answer = self.retried(lambda new_id=new_id: claim(self.store, name, new_id, self.now))
            self.retried(lambda: settle(self.store, name, self.tag))
            if answer.step is Step.LAUNCH:
                self.launched.append((name, answer.index_id))
                self.run.start(f"indexing/{answer.index_id}", partial(self.indexing, answer.index_id, times))
        token = f"token-{name}"
        index = self.retried(lambda: wait_for_index(self.store, name, token))
        assert index is not None, f"{name} has claimed an index that has no record"
        if index.status is IndexStatus.RUNNING:
            # The hourly timeout of the waiting state is what finds an index whose indexing was lost.
            self.run.wait_until(lambda: token in self.answered or self.indexing_ends == "lost")
        self.answered.add(f"{name}/index")

    def indexing(self, index_id: str, times: int) -> None:
        """The state machine indexing-session, from the worker's answer on."""
        if self.indexing_ends == "lost":
            return
        for _ in range(times):
            try:
                index = self.retried(lambda: self.end(index_id))
            except LeaseLost:
                return
            self.retried(lambda index=index: self.announce(index))

    def zombie(self, index_id: str) -> None:
        """The state machine indexing-session of an index that was given up, or is about to be."""
        try:
            index = complete(self.store, FS, index_id, {"files": 1}, self.now)
        except LeaseLost:
            return
        self.announce(index)

    def end(self, index_id: str) -> Index:
        if self.indexing_ends == "fail":
            failed = fail(self.store, FS, index_id, "the worker failed", self.now)
            assert failed is not None
            return failed
        return complete(self.store, FS, index_id, {"files": 1}, self.now)

    def announce(self, index: Index) -> None:
        for session_id in sorted(index.sessions):
            session = settle(self.store, session_id, self.tag)
            if session.waiting_token is not None:
                self.answered.add(session.waiting_token)

    def close(self, name: str) -> None:
        session = settle(self.store, name, self.tag)
        index = read_index(self.store, FS, session.index_id) if session.index_id else None
        outcome = conclude(session, index, failure=None, problems=())
        self.closed[name] = close_session(self.store, name, outcome, self.now)

    def state(self) -> object:
        """Return everything that is not in the actors."""
        return (self.store.state(), tuple(sorted(self.answered)), tuple(self.launched))

    # what must hold

    def records(self, kind: str) -> list[Any]:
        """Return the stored records, without being a point."""
        return [
            item
            for (_, record), item in self.store.tables.get(INDEXES.suffix, {}).items()
            if record.startswith(kind)
        ]

    def after_every_step(self) -> None:
        if self.checked == self.store.version:
            return
        self.checked = self.store.version
        running = [i["index_id"] for i in self.records("index#") if i["status"] == "running"]
        leases = [Lease.from_item(item) for item in self.records("lease")]
        assert len(running) <= 1, f"I1: two indexing sessions run at once: {running}"
        assert running == [lease.index_id for lease in leases], "the lease and the running index differ"
        for item in self.records("association#"):
            index = MemoryStore.get(self.store, INDEXES, {**FS_KEY, "record": f"index#{item['index_id']}"})
            assert index is not None, "I5"
            assert index["status"] == "complete", "I5: an association with an index that is not complete"

    def at_end(self) -> None:
        assert not self.run.blocked(), f"lost wake-up: {self.run.blocked()} wait for ever"
        sessions = {
            key[0]: Session.from_item(item) for key, item in self.store.tables[SESSIONS.suffix].items()
        }
        for name, index_id in self.attached_at_open.items():
            index = read_index(self.store, FS, index_id)
            assert index is not None
            if index.status is not IndexStatus.FAILED:
                launches = [i for s, i in self.launched if s == name]
                assert launches == [], f"I2: {name} met index {index_id} and launched {launches}"
                assert sessions[name].index_id == index_id, "I2"
        for name, session in sessions.items():
            index = read_index(self.store, FS, session.index_id) if session.index_id else None
            assert len(session.points) == 2
            for made in session.points:
                item = self.store.get(INDEXES, association_key(FS, made.recovery_point_arn))
                if index is not None and index.status is IndexStatus.COMPLETE:
                    assert item is not None, f"I3: {made.kind} of {name} has no index"
                    assert Association.from_item(item).index_id == index.index_id, "I3"
                    assert self.tagged[made.recovery_point_arn] == index.index_id
                else:
                    assert item is None
                    assert self.closed[name].reasons, f"I3/I4: {name} is silently without an index"


FS_KEY = {"file_system": str(FS)}


def point(session: str, kind: Any) -> Point:
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


def overlapping(
    sessions: int, ends: str, *, crash_at: tuple[str, int] | None = None, twice: bool = False
) -> Callable[[], Scenario]:
    """Return what `explore` runs: so many sessions of one file system at once."""

    def make() -> Scenario:
        run = Run(crash_at=crash_at)
        world = World(run=run, store=SteppedStore(run), indexing_ends=ends)
        for number in range(sessions):
            run.start(f"s{number}", partial(world.session, f"s{number}", twice=twice))
        return Scenario(run, world.after_every_step, world.at_end, world.state)

    return make


def takeover(ends: str) -> Callable[[], Scenario]:
    """Return a run in which a session meets an expired lease whose worker comes back from the dead."""

    def make() -> Scenario:
        run = Run()
        world = World(run=run, store=SteppedStore(run), indexing_ends="lost")
        run.start("old", partial(world.session, "old"))
        for _ in run.follow([], world.after_every_step):
            pass
        lost = world.launched[0][1]
        world.now += LEASE_DURATION + timedelta(seconds=1)
        world.indexing_ends = ends
        run.restart()
        run.start("zombie", partial(world.zombie, lost))
        run.start("s0", partial(world.session, "s0"))
        run.start("s1", partial(world.session, "s1"))
        return Scenario(run, world.after_every_step, world.at_end, world.state)

    return make


@pytest.mark.parametrize("ends", ["complete", "fail", "lost"])
@pytest.mark.parametrize(("sessions", "preemptions"), [(2, 2), (3, 1)])
def test_the_invariants_hold_under_every_order(sessions: int, preemptions: int, ends: str) -> None:
    runs = explore(overlapping(sessions, ends), preemptions)
    assert runs > 100, "nothing was interleaved"


@pytest.mark.parametrize("ends", ["complete", "fail"])
@pytest.mark.parametrize("actor", ["s0", "s0/copy", "s0/index", "indexing/index-of-s0-0"])
def test_the_invariants_hold_when_any_step_crashes_and_is_retried(actor: str, ends: str) -> None:
    for call in range(1, 16):
        explore(overlapping(2, ends, crash_at=(actor, call)), 1)


@pytest.mark.parametrize("ends", ["complete", "fail", "lost"])
def test_the_invariants_hold_when_every_step_is_delivered_twice(ends: str) -> None:
    explore(overlapping(2, ends, twice=True), 1)


@pytest.mark.parametrize("ends", ["complete", "fail", "lost"])
def test_an_expired_lease_is_taken_over_and_the_dead_worker_changes_nothing(ends: str) -> None:
    explore(takeover(ends), 1)
