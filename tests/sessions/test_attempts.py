"""The launch that an indexing session waits for: replaced by the next, and removed when the index ends."""

from __future__ import annotations

import pytest

from tests.sessions.memory_store import MemoryStore
from tests.sessions.world import FS, START, new_session
from tidemark.sessions.attempts import read_attempt, record_attempt
from tidemark.sessions.indexing import Attempt
from tidemark.sessions.overlap import claim, complete, fail, open_session
from tidemark.sessions.records import read_index

FIRST = Attempt(worker_id="task-1", task_token="token-1")
SECOND = Attempt(worker_id="task-2", task_token="token-2")


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    open_session(store, new_session("a"), START)
    claim(store, "a", "index", START)
    return store


def test_the_session_waits_for_the_last_launch(store: MemoryStore) -> None:
    assert read_attempt(store, FS, "index") is None
    for attempt in (FIRST, SECOND):
        assert record_attempt(store, FS, "index", attempt)
        assert read_attempt(store, FS, "index") == attempt


def test_the_token_is_removed_when_the_index_ends_and_none_is_recorded_afterwards(store: MemoryStore) -> None:
    record_attempt(store, FS, "index", FIRST)
    before = read_index(store, FS, "index")
    assert before is not None
    complete(store, FS, "index", {}, START)
    assert read_attempt(store, FS, "index") is None
    assert "token-1" not in repr(store.items)
    assert not record_attempt(store, FS, "index", SECOND)
    assert "token-2" not in repr(store.items)


def test_a_failed_index_has_no_token_either(store: MemoryStore) -> None:
    record_attempt(store, FS, "index", FIRST)
    fail(store, FS, "index", "why", START)
    assert "token-1" not in repr(store.items)


def test_an_unknown_index_has_no_launch(store: MemoryStore) -> None:
    assert not record_attempt(store, FS, "another", FIRST)
    assert read_attempt(store, FS, "another") is None
