"""The overlap rule by example; `test_interleavings.py` has every order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.sessions.memory_store import MemoryStore
from tests.sessions.world import FS, START, new_session, point
from tidemark.errors import LeaseLost, SessionExists, SessionNotFound
from tidemark.sessions.indexing import LEASE_DURATION, IndexStatus, lease_key
from tidemark.sessions.items import read_index, read_lease, update_session
from tidemark.sessions.ledger import sessions_since
from tidemark.sessions.overlap import Step, add_point, claim, complete, fail, open_session, renew
from tidemark.sessions.schema import INDEXES

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
    add_point(store, "second", point("second", "backup"), lambda _session, _point, index: told.append(index))
    assert told == ["one"]


def test_a_session_that_wants_no_index_is_attached_to_none(store: MemoryStore) -> None:
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


def test_a_renewed_lease_lives_on_and_a_lost_one_is_not_renewed(store: MemoryStore) -> None:
    lease = read_lease(store, FS)
    assert lease is not None
    assert renew(store, lease, LATER)
    assert open_session(store, new_session("second"), LATER).index_id == "one"
    fail(store, FS, "one", "stopped", LATER)
    assert not renew(store, lease, LATER)
    assert read_lease(store, FS) is None


def test_a_worker_that_comes_back_from_the_dead_is_told(store: MemoryStore) -> None:
    fail(store, FS, "one", "silent", START)
    with pytest.raises(LeaseLost):
        complete(store, FS, "one", {}, START)
    assert fail(store, FS, "unheard-of", "", START) is None
    with pytest.raises(LeaseLost):
        complete(store, FS, "unheard-of", {}, START)


def test_an_index_whose_lease_was_deleted_by_hand_can_still_end(store: MemoryStore) -> None:
    del store.items[INDEXES.suffix, *lease_key(FS).values()]
    assert complete(store, FS, "one", {"files": 3}, START).totals == {"files": 3}


def test_one_name_belongs_to_one_execution(store: MemoryStore) -> None:
    assert open_session(store, new_session("first"), LATER).index_id == "one"
    with pytest.raises(SessionExists):
        open_session(store, replace(new_session("first"), execution_arn="arn:another"), START)


def test_what_was_never_opened_is_not_made_by_a_change() -> None:
    store = MemoryStore()
    with pytest.raises(SessionNotFound):
        update_session(store, "nobody", {"status": "failed"})
    assert store.items == {}


def test_sessions_are_listed_over_months_newest_first() -> None:
    store = MemoryStore()
    for days in (0, 20, 40, 400):
        opened = START - timedelta(days=days)
        open_session(store, replace(new_session(f"{days}"), opened_at=opened), opened)
    listed = sessions_since(store, START - timedelta(days=60), START)
    assert [session.session_id for session in listed] == ["0", "20", "40"]
