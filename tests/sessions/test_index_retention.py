"""Retention against an independent ledger, over random histories of points, copies, deletions and crawls."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.sessions.memory_store import MemoryStore
from tests.sessions.world import FS, START, new_session, point
from tidemark.sessions.index_facts import read_facts
from tidemark.sessions.index_retention import Facts, Kept, PointState, Stored, Why, own_time_ends, plan
from tidemark.sessions.indexing import Index, IndexStatus
from tidemark.sessions.naming import index_id
from tidemark.sessions.outcome import Outcome
from tidemark.sessions.overlap import Step, add_point, claim, complete, fail, open_session, settle
from tidemark.sessions.queries import associations_in, close_session, indexes_of
from tidemark.sessions.records import read_index, read_lease, read_session
from tidemark.sessions.removal import forget_association, forget_index, retire
from tidemark.sessions.session import Point, Session, SessionStatus

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Ledger:
    """What happened, recorded independently of the rules under test."""

    indexes: dict[str, str] = field(default_factory=dict)  # point -> the index that it was first given
    by_session: dict[str, str] = field(default_factory=dict)  # session -> its complete index
    own_until: dict[str, datetime | None] = field(default_factory=dict)  # index -> None: forever
    manual: set[str] = field(default_factory=set)  # indexes without a record


class Histories(RuleBasedStateMachine):
    """Sessions, crawls, deletions and retention in any order. Time is advanced by a rule."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.store = MemoryStore()
        self.ledger = Ledger()
        self.vault: dict[str, datetime | None] = {}  # points that exist -> when AWS Backup deletes them
        self.denied: set[str] = set()  # points that cannot be looked up
        self.stored: dict[str, Stored] = {}  # the repository
        self.history: set[str] = set()  # indexes with a history log
        self.running: dict[str, int] = {}  # sessions in progress -> retention in days
        self.aborted: dict[str, tuple[datetime, int]] = {}
        self.number = 0

    @initialize()
    def first(self) -> None:
        self.opens(days=1, keep=0, holds_history=False)

    # events

    @rule(days=st.integers(1, 40), keep=st.sampled_from([0, 0, 0, 20, None]), holds_history=st.booleans())
    def opens(self, days: int, keep: int | None, holds_history: bool) -> None:
        self.number += 1
        name = f"s{self.number:03}"
        new = replace(new_session(name), opened_at=self.now, index_keep_days=keep)
        open_session(self.store, new, self.now)
        own = self._new_index_id()
        answer = claim(self.store, name, own, self.now)
        self.running[name] = days
        if answer.step is Step.LAUNCH and holds_history:
            self.history.add(answer.index_id)
        self._associated()

    @precondition(lambda self: self.running)
    @rule(data=st.data(), kind=st.sampled_from(["backup", "copy"]))
    def creates_a_point(self, data: st.DataObject, kind: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.running)))
        self._create(name, self.running[name], kind)

    @precondition(lambda self: read_lease(self.store, FS) is not None)
    @rule(succeeds=st.booleans(), crashes=st.booleans())
    def crawl_ends(self, succeeds: bool, crashes: bool) -> None:
        """End the index; after a crash, no step associates it with sessions that have ended before."""
        lease = read_lease(self.store, FS)
        assert lease is not None
        if not succeeds:
            self._store(lease.index_id, has_manifest=False)
            ended = fail(self.store, FS, lease.index_id, "it failed", self.now)
        else:
            self._store(lease.index_id, has_manifest=True)
            ended = complete(self.store, FS, lease.index_id, {}, self.now)
            keeps = [read_session(self.store, each).index_keep_days for each in lease.sessions]
            self.ledger.own_until[lease.index_id] = (
                None if None in keeps else self.now + max(filter(None, keeps), default=0) * DAY
            )
        assert ended is not None
        for each in sorted(ended.sessions):
            if succeeds and read_session(self.store, each).index_id == lease.index_id:
                self.ledger.by_session[each] = lease.index_id
        for each in sorted(ended.sessions if not crashes else ()):
            settle(self.store, each, lambda *_: "")
        self._associated()

    @precondition(lambda self: self.running)
    @rule(data=st.data(), aborts=st.booleans())
    def session_ends(self, data: st.DataObject, aborts: bool) -> None:
        self._end_session(data.draw(st.sampled_from(sorted(self.running))), aborts=aborts)

    def _end_session(self, name: str, *, aborts: bool) -> None:
        days = self.running.pop(name)
        settle(self.store, name, lambda *_: "")
        status = SessionStatus.ABORTED if aborts else SessionStatus.WARNING
        close_session(self.store, name, Outcome(status=status, reasons=("why",)), self.now)
        if aborts:
            self.aborted[name] = (self.now, days)

    @precondition(lambda self: self.aborted)
    @rule(data=st.data())
    def is_redriven(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.aborted)))
        then, days = self.aborted.pop(name)
        if self.now - then < timedelta(days=14):  # Step Functions refuses it otherwise
            self._create(name, days, "backup")

    @rule(days=st.integers(2, 40), aborts=st.booleans(), crashes=st.booleans(), backs_up=st.booleans())
    def a_whole_session(self, days: int, aborts: bool, crashes: bool, backs_up: bool) -> None:
        """Run a session from its start to its end, after which its index ends."""
        self.opens(days=days, keep=0, holds_history=False)
        name = f"s{self.number:03}"
        if backs_up:
            self._create(name, days, "backup")
        self._end_session(name, aborts=aborts)
        if read_lease(self.store, FS) is not None:
            self.crawl_ends(succeeds=True, crashes=crashes)

    @precondition(lambda self: self.vault)
    @rule(data=st.data())
    def is_deleted_manually(self, data: st.DataObject) -> None:
        self.vault.pop(data.draw(st.sampled_from(sorted(self.vault))))

    @precondition(lambda self: self.vault)
    @rule(data=st.data())
    def cannot_be_looked_up(self, data: st.DataObject) -> None:
        self.denied.add(data.draw(st.sampled_from(sorted(self.vault))))

    @rule()
    def can_be_looked_up(self) -> None:
        self.denied.clear()

    @rule(days=st.integers(1, 20))
    def time_passes(self, days: int) -> None:
        self.now += days * DAY
        self._expire()

    @rule()
    def an_hour_passes(self) -> None:
        self.now += HOUR
        self._expire()

    @rule(has_manifest=st.booleans())
    def files_appear(self, has_manifest: bool) -> None:
        self.number += 1
        found = self._new_index_id()
        if read_index(self.store, FS, found) is None:
            self._store(found, has_manifest=has_manifest)
            if has_manifest:
                self.ledger.manual.add(found)

    @rule(steps=st.integers(0, 12))
    def retention_is_interrupted(self, steps: int) -> None:
        self._prune(steps)

    @rule(days=st.integers(0, 3), is_denied=st.booleans())
    def retention_runs(self, days: int, is_denied: bool) -> None:
        self.now += days * DAY
        self._expire()
        denied, self.denied = self.denied, set(self.vault) if is_denied else self.denied
        self._prune(10_000)
        self.denied = denied

    # the contract

    @invariant()
    def no_index_is_lost(self) -> None:
        found = {each.recovery_point_arn: each.index_id for each in associations_in(self.store, FS)}
        for arn in self.vault:
            if arn in self.ledger.indexes:
                needed = self.ledger.indexes[arn]
                assert found.get(arn) == needed, f"{arn} has lost its index {needed}"
                assert self._is_whole(needed), f"{arn} exists, its index {needed} does not"
            needed = self.ledger.by_session.get(arn.split(":")[1], "")
            assert not needed or self._is_whole(needed), f"{arn} exists, the index of its session does not"
        for needed, until in self.ledger.own_until.items():
            if until is None or self.now < until:
                assert self._is_whole(needed), f"the own time of {needed} has not passed"
        for manual in self.ledger.manual:
            assert self.stored[manual].has_manifest, f"{manual} was built manually"
        for association in associations_in(self.store, FS):
            index = read_index(self.store, FS, association.index_id)
            assert index is not None
            assert index.status is IndexStatus.COMPLETE

    def teardown(self) -> None:
        """Nothing orphaned is kept once all sessions have ended."""
        while (lease := read_lease(self.store, FS)) is not None:
            fail(self.store, FS, lease.index_id, "the last", self.now)
        for name in sorted(self.running):
            close_session(self.store, name, Outcome(status=SessionStatus.FAILED, reasons=()), self.now)
        self.denied.clear()
        self.now += 31 * DAY
        self._expire()
        self._prune(10_000)
        self.no_index_is_lost()
        needed = {self.ledger.indexes[arn] for arn in self.vault if arn in self.ledger.indexes}
        needed |= {each for each, until in self.ledger.own_until.items() if until is None or self.now < until}
        needed |= self.ledger.manual
        needed |= {self.ledger.by_session.get(arn.split(":")[1], "") for arn in self.vault}
        recorded = {index.index_id for index in indexes_of(self.store, FS)}
        orphans = (recorded | set(self.stored)) - needed
        assert orphans <= self.history
        assert len(orphans) <= 1, "the log of versions of the newest index"
        assert not orphans or max(orphans) < max(needed, default="")
        for association in associations_in(self.store, FS):
            assert association.recovery_point_arn in self.vault

    # helpers

    def _create(self, name: str, days: int, kind: str) -> None:
        self.number += 1
        arn = f"arn:{name}:{kind}:{self.number}"
        made: Point = replace(point(name, "copy" if kind == "copy" else "backup"), recovery_point_arn=arn)
        self.vault[arn] = self.now + days * DAY
        add_point(self.store, name, replace(made, completed_at=self.now), lambda *_: "")
        self._associated()

    def _new_index_id(self) -> str:
        return index_id(FS.file_system_id, self.now + timedelta(microseconds=self.number), 0)

    def _store(self, name: str, *, has_manifest: bool) -> None:
        self.stored[name] = Stored(has_manifest=has_manifest, objects=3, size_bytes=100, modified_at=self.now)

    def _associated(self) -> None:
        for each in associations_in(self.store, FS):
            self.ledger.indexes.setdefault(each.recovery_point_arn, each.index_id)

    def _is_whole(self, name: str) -> bool:
        index = read_index(self.store, FS, name)
        stored = self.stored.get(name)
        return (
            index is not None
            and index.status is IndexStatus.COMPLETE
            and stored is not None
            and stored.has_manifest
            and stored.objects == 3
        )

    def _expire(self) -> None:
        over = [arn for arn, delete_at in self.vault.items() if delete_at and delete_at <= self.now]
        for arn in over:
            del self.vault[arn]

    def _prune(self, steps: int) -> None:
        """Run retention; it is interrupted after a number of writes."""
        facts = read_facts(
            self.store,
            FS,
            stored=dict(self.stored),
            exact={},
            look_up=self._look_up,
            exists=lambda each: each.recovery_point_arn in self.vault,
        )
        decided = plan(facts, self.now, self.history)
        assert set(facts.records) | set(facts.stored) == {
            *(each.index_id for each in decided.removals if each.why is not Why.LEFTOVER),
            *(each.index_id for each in decided.kept),
        }
        for association in decided.associations:
            if not steps:
                return
            steps -= 1
            forget_association(self.store, association)
        for removal in decided.removals:
            for write in ("retire", "manifest", "files", "forget"):
                if not steps:
                    return
                steps -= 1
                if write == "retire":
                    assert removal.record is None or retire(self.store, removal.record)
                elif write == "manifest" and removal.index_id in self.stored:
                    found = self.stored[removal.index_id]
                    self.stored[removal.index_id] = replace(found, has_manifest=False, objects=2)
                elif write == "files":
                    self.stored.pop(removal.index_id, None)
                elif write == "forget":
                    forget_index(self.store, FS, removal.index_id)

    def _look_up(self, arns: Collection[str]) -> Mapping[str, PointState]:
        return {arn: self._state(arn) for arn in arns}

    def _state(self, arn: str) -> PointState:
        if arn in self.denied:
            return PointState.UNKNOWN
        return PointState.LIVING if arn in self.vault else PointState.GONE


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def facts(**changes: object) -> Facts:
    """Return the facts of a file system without records, with changes."""
    nothing = Facts(
        file_system=FS,
        records={},
        associations=(),
        sessions={},
        points={},
        stored={},
        is_restoring=False,
    )
    return replace(nothing, **changes)  # type: ignore[arg-type]  # the fields of Facts


def ended(name: str, *, days_ago: int, status: IndexStatus = IndexStatus.COMPLETE) -> Index:
    then = START - days_ago * DAY
    return Index(file_system=FS, index_id=name, status=status, started_at=then, ended_at=then)


def objects(
    *, days_ago: int, leftovers: Mapping[str, int] | None = None, has_manifest: bool = True
) -> Stored:
    return Stored(
        has_manifest=has_manifest,
        objects=4,
        size_bytes=1000,
        modified_at=START - days_ago * DAY,
        leftovers=leftovers or {},
    )


def test_an_expired_index_of_a_file_system_that_is_being_restored_is_kept() -> None:
    found = facts(records={"a": ended("a", days_ago=9)}, stored={"a": objects(days_ago=9)})
    assert [each.why for each in plan(found, START).removals] == [Why.EXPIRED]
    kept = plan(replace(found, is_restoring=True), START)
    assert kept.is_empty
    assert [each.why for each in kept.kept] == [Kept.RESTORE]


def test_the_log_of_versions_of_the_newest_index_is_kept_if_a_later_index_refers_to_it() -> None:
    names = [f"i{number}" for number in range(4)]
    records = {name: ended(name, days_ago=9) for name in names}
    records["i3"] = ended("i3", days_ago=0)  # too young to be removed
    found = facts(records=records, stored={name: objects(days_ago=9) for name in names})
    assert [each.index_id for each in plan(found, START, {"i0", "i1"}).removals] == ["i0", "i2"]
    assert [each.index_id for each in plan(found, START, {"i0", "i3"}).removals] == ["i0", "i1", "i2"]
    assert [each.index_id for each in plan(found, START).removals] == ["i0", "i1", "i2"]


def test_history_is_not_read_if_no_complete_index_is_removed() -> None:
    class Never:
        def __contains__(self, name: object) -> bool:
            raise AssertionError(f"reads the manifest of {name}")

    records = {
        "a": ended("a", days_ago=9, status=IndexStatus.FAILED),
        "b": ended("b", days_ago=0),
    }
    found = facts(records=records, stored={name: objects(days_ago=9) for name in records})
    assert [each.why for each in plan(found, START, Never()).removals] == [Why.FAILED]


def test_files_of_lost_attempts_are_removed_from_indexes_that_are_kept() -> None:
    files = {"attempt-1/part-00000.parquet": 10, "checkpoint/0": 5}
    records = {"a": ended("a", days_ago=2), "b": ended("b", days_ago=0)}
    sessions: dict[str, Session] = {}
    found = facts(
        records=records,
        sessions=sessions,
        stored={name: objects(days_ago=2, leftovers=files) for name in records},
        is_restoring=True,
    )
    (only,) = plan(found, START).removals
    assert (only.index_id, only.why, only.objects, only.size_bytes) == ("a", Why.LEFTOVER, 2, 15)


def test_the_own_time_of_an_index_is_the_longest_that_its_sessions_request() -> None:
    index = replace(ended("a", days_ago=0), sessions=frozenset({"s1", "s2", "deleted"}))
    sessions = {
        name: replace(new_session(name), index_keep_days=days) for name, days in (("s1", 0), ("s2", 30))
    }
    assert own_time_ends(index, {}) == START
    assert own_time_ends(index, sessions) == START + 30 * DAY
    forever = replace(sessions["s1"], index_keep_days=None)
    assert own_time_ends(index, {**sessions, "s1": forever}) is None
