"""The store that remembers recent reads returns what the other store holds, in bounded memory."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.index.storage.object_store import FileStore
from tidemark.web.stores import CountingStore, RememberingStore, StoppableStore, Stopped

READS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.integers(0, 30)))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    found = FileStore(tmp_path_factory.mktemp("store"))
    for name in "abc":
        found.put(name, bytes(range(ord(name), ord(name) + 25)))
    return found


@given(READS, st.integers(0, 60))
def test_reads_equal_those_of_the_store_and_memory_is_bounded(store, reads, most_bytes):
    remembering = RememberingStore(store, most_bytes)
    for key, offset, length in reads:
        assert remembering.get_range(key, offset, length) == store.get_range(key, offset, length)
        assert sum(map(len, remembering._kept.values())) == remembering._bytes <= most_bytes


@given(READS)
def test_a_repeated_read_makes_no_request(store, reads):
    counting = CountingStore(store)
    remembering = RememberingStore(counting)
    for each in reads:
        remembering.get_range(*each)
    once = counting.bytes_read
    for each in reads:
        remembering.get_range(*each)
    assert counting.bytes_read == once


def test_no_read_succeeds_after_a_stop(store):
    stop = threading.Event()
    stoppable = StoppableStore(store, stop.is_set)
    assert stoppable.get("a") == store.get("a")
    stop.set()
    for read in (lambda: stoppable.get("a"), lambda: stoppable.get_range("a", 0, 1)):
        with pytest.raises(Stopped):
            read()
