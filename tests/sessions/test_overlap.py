"""The overlap rule by example; `test_interleavings.py` has every order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.sessions.memory_store import MemoryStore
from tests.sessions.world import FS, START, new_session, point
from tidemark.errors import IndexShared, LeaseLost, SessionExists, SessionNotFound
from tidemark.sessions.indexing import (
    LEASE_DURATION,
    MOST_ATTACHED,
    Association,
    IndexStatus,
    association_key,
    index_key,
    lease_key,
)
from tidemark.sessions.outcome import Outcome, decide_outcome
from tidemark.sessions.overlap import (
    Step,
    add_point,
    claim,
    complete,
    fail,
    open_session,
    renew,
    reopen_session,
    settle,
)
from tidemark.sessions.queries import close_session, sessions_since, watched_session_ids
from tidemark.sessions.records import read_index, read_lease, read_session, update_session
from tidemark.sessions.schema import INDEXES, TableSchema
from tidemark.sessions.session import SessionStatus
from tidemark.sessions.transactions import Delete, Item, Key, Put, Write

LATER = START + LEASE_DURATION


@pytest.fixture
def store() -> MemoryStore:
    """A store in which session `first` makes the index `one`."""
    store = MemoryStore()
    open_session(store, new_session("first"), START)
    assert claim(store, "first", "one", START).step is Step.LAUNCH
    return store


def test_a_session_that_overlaps_launches_no_second_worker(store: MemoryStore) -> None:
    assert open_session(store, new_session("second"), START).index_id == "one"
    answer = claim(store, "second", "two", START)
    assert (answer.step, answer.index_id) == (Step.SHARE, "one")
    assert complete(store, FS, "one", {}, START).sessions == {"first", "second"}


def test_an_index_that_ends_before_the_backup_of_a_session_is_still_its_index(store: MemoryStore) -> None:
    open_session(store, new_session("second"), START)
    complete(store, FS, "one", {}, START)
    assert claim(store, "second", "two", START).step is Step.SHARE
    told = []
    add_point(
        store,
        "second",
        point("second", "backup"),
        lambda _session, _point, index: told.append(index.index_id),
    )
    assert told == ["one"]


def test_the_tags_of_a_point_are_written_once_and_records_only_when_they_change(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each later step settles the session again, which must not repeat calls and writes for every point."""
    told: list[str] = []
    tables: list[str] = []
    transact = store.transact

    def counted(*writes: Write) -> None:
        tables.extend(write.table.suffix for write in writes)
        transact(*writes)

    add_point(store, "first", point("first", "backup"), lambda *_: "")
    complete(store, FS, "one", {}, START)
    monkeypatch.setattr(store, "transact", counted)
    for _ in range(2):
        settle(store, "first", lambda _session, _point, index: told.append(index.index_id) or "")
    assert told == ["one"]
    assert tables == [INDEXES.suffix] * 2, "the association with its index, and the point not again"


def test_an_association_that_was_written_meanwhile_is_not_replaced(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = point("first", "backup")
    add_point(store, "first", made, lambda *_: "")
    complete(store, FS, "one", {}, START)
    theirs = Association(
        file_system=FS, recovery_point_arn=made.recovery_point_arn, index_id="another", session_id="other"
    )
    key, get = association_key(FS, made.recovery_point_arn), store.get

    def read_before_they_wrote(table: TableSchema, wanted: Key) -> Item | None:
        found = get(table, wanted)
        if wanted == key and found is None:
            store.transact(Put(table=INDEXES, item=theirs.to_item()))
        return found

    monkeypatch.setattr(store, "get", read_before_they_wrote)
    settle(store, "first", lambda *_: "")
    monkeypatch.undo()
    assert store.get(INDEXES, key) == theirs.to_item()


def test_an_expired_lease_is_taken_over_even_if_its_index_has_no_record(store: MemoryStore) -> None:
    store.transact(Delete(table=INDEXES, key=index_key(FS, "one")))
    open_session(store, new_session("second"), LATER)
    assert claim(store, "second", "two", LATER).step is Step.LAUNCH
    lease = read_lease(store, FS)
    assert lease is not None
    assert (lease.index_id, lease.owner, lease.sessions) == ("two", "second", {"second"})


def test_a_session_without_indexing_is_attached_to_no_index(store: MemoryStore) -> None:
    assert open_session(store, replace(new_session("plain"), index_wanted=False), START).index_id is None
    lease = read_lease(store, FS)
    assert lease is not None
    assert "plain" not in lease.sessions


def test_a_lease_blocks_until_it_expires_and_no_longer(store: MemoryStore) -> None:
    just_before = LATER - timedelta(microseconds=1)
    assert open_session(store, new_session("second"), just_before).index_id == "one"
    assert open_session(store, new_session("third"), LATER).index_id is None
    assert claim(store, "third", "two", LATER).step is Step.LAUNCH
    lost = read_index(store, FS, "one")
    assert lost is not None
    assert (lost.status, lost.sessions) == (IndexStatus.FAILED, {"first", "second"})


def test_a_renewed_lease_stays_valid_and_a_lost_one_is_not_renewed(store: MemoryStore) -> None:
    lease = read_lease(store, FS)
    assert lease is not None
    assert renew(store, lease, LATER)
    assert open_session(store, new_session("second"), LATER).index_id == "one"
    fail(store, FS, "one", "stopped", LATER)
    assert not renew(store, lease, LATER)
    assert read_lease(store, FS) is None


def test_a_worker_that_was_considered_dead_gets_lease_lost(store: MemoryStore) -> None:
    fail(store, FS, "one", "silent", START)
    with pytest.raises(LeaseLost):
        complete(store, FS, "one", {}, START)
    assert fail(store, FS, "unheard-of", "", START) is None
    with pytest.raises(LeaseLost):
        complete(store, FS, "unheard-of", {}, START)


def test_an_index_whose_lease_was_deleted_by_hand_can_still_end(store: MemoryStore) -> None:
    del store.items[INDEXES.suffix, *lease_key(FS).values()]
    assert complete(store, FS, "one", {"files": 3}, START).totals == {"files": 3}


def test_a_session_name_belongs_to_one_execution(store: MemoryStore) -> None:
    assert open_session(store, new_session("first"), LATER).index_id == "one"
    with pytest.raises(SessionExists):
        open_session(store, replace(new_session("first"), execution_arn="arn:another"), START)


def test_a_change_does_not_create_a_session_that_was_never_opened() -> None:
    store = MemoryStore()
    with pytest.raises(SessionNotFound):
        update_session(store, "unknown", {"status": "failed"})
    assert store.items == {}


def test_sessions_of_several_months_are_listed_newest_first() -> None:
    store = MemoryStore()
    for days in (0, 20, 40, 400):
        opened = START - timedelta(days=days)
        open_session(store, replace(new_session(f"{days}"), opened_at=opened), opened)
    listed = sessions_since(store, START - timedelta(days=60), START)
    assert [session.session_id for session in listed] == ["0", "20", "40"]


DAYS_LATER = START + timedelta(days=3)


def test_a_redrive_days_later_gets_a_new_index(store: MemoryStore) -> None:
    open_session(store, new_session("second"), START)  # meets index one, and fails
    complete(store, FS, "one", {}, START)
    reopen_session(store, "second", DAYS_LATER)
    new = replace(point("second", "backup"), completed_at=DAYS_LATER + timedelta(hours=1))
    told: list[str] = []
    add_point(store, "second", new, lambda *told_of: told.append(told_of[2]) or "")
    assert told == [], "index one is older than the backup"
    answer = claim(store, "second", "two", DAYS_LATER)
    assert (answer.step, answer.index_id) == (Step.LAUNCH, "two")


def test_a_redrive_that_meets_a_running_index_shares_it(store: MemoryStore) -> None:
    complete(store, FS, "one", {}, START)
    open_session(store, new_session("second"), START)
    open_session(store, new_session("third"), DAYS_LATER)
    claim(store, "third", "two", DAYS_LATER)
    reopen_session(store, "second", DAYS_LATER)
    complete(store, FS, "two", {}, DAYS_LATER)  # before the backup of the redriven attempt
    answer = claim(store, "second", "three", DAYS_LATER)
    assert (answer.step, answer.index_id) == (Step.SHARE, "two")
    index = read_index(store, FS, "two")
    assert index is not None
    assert index.sessions == {"second", "third"}


def test_a_point_from_before_the_redrive_gets_no_later_index(store: MemoryStore) -> None:
    open_session(store, new_session("second"), START)
    add_point(store, "second", point("second", "backup"), lambda *_: "")
    fail(store, FS, "one", "the worker failed", START)
    reopen_session(store, "second", DAYS_LATER)
    claim(store, "second", "two", DAYS_LATER)
    complete(store, FS, "two", {}, DAYS_LATER)
    told: list[str] = []
    new = replace(point("second", "copy"), completed_at=DAYS_LATER)
    session = add_point(store, "second", new, lambda _session, made, _index: told.append(made.kind) or "")
    assert told == ["copy"]
    outcome = decide_outcome(session, read_index(store, FS, "two"), failure=None, problems=())
    assert any("the backup in eu-central-1 of 2026-11-22" in reason for reason in outcome.reasons)


def test_a_reopened_session_runs_again(store: MemoryStore) -> None:
    failed = Outcome(status=SessionStatus.FAILED, reasons=("no room",))
    close_session(store, "first", failed, START)
    reopen_session(store, "first", DAYS_LATER)
    assert list(watched_session_ids(store)) == ["first"], "the sweeper looks after it again"
    reopened = read_session(store, "first")
    assert (reopened.status, reopened.reasons, reopened.ended_at) == (SessionStatus.RUNNING, (), None)
    assert reopened.redriven_at == DAYS_LATER


def test_an_index_that_is_shared_by_the_maximum_of_sessions_can_end(store: MemoryStore) -> None:
    """The names are as long as Step Functions allows, and the reason as long as a step's message."""
    names = [f"{number:080}" for number in range(MOST_ATTACHED + 5)]
    opened = [open_session(store, new_session(name), START) for name in names]
    left_out = [session.session_id for session in opened if session.index_id is None]
    assert len(left_out) == 6, "one place is the owner's"
    with pytest.raises(IndexShared, match="belongs to 2,000 sessions"):
        claim(store, left_out[0], "two", START)
    assert claim(store, names[0], "two", START).step is Step.SHARE
    reopen_session(store, left_out[0], START)
    assert read_session(store, left_out[0]).index_id is None, "a redrive finds no room either"
    failed = fail(store, FS, "one", "x" * 32_768, START)
    assert failed is not None
    assert len(failed.sessions) == MOST_ATTACHED
    size = sum(map(len, failed.sessions)) + len(str(failed.reason))
    assert size < 200_000, "a record holds 400 KB"
    assert claim(store, left_out[0], "two", START).step is Step.LAUNCH
