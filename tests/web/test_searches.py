"""Searches run ahead of their readers by a bounded number of results, and end when they are stopped."""

from __future__ import annotations

import itertools
import threading
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from tidemark.errors import IndexDamaged
from tidemark.web.searches import AHEAD, Search, Searches

SECONDS = 30.0  # an upper bound for waits that end immediately unless there is a defect
STORE = SimpleNamespace(url="file:///x", at_once=1, get=lambda key: b"", get_range=lambda *_: b"")


def numbers(count: int):
    return lambda store: iter(range(count))


def everything(search: Search, most: int) -> list[object]:
    found: list[object] = []
    while True:
        batch = search.take(most, SECONDS)
        found += batch.found
        if batch.ended:
            return found


@given(st.integers(0, 3 * AHEAD), st.integers(1, 2 * AHEAD))
def test_all_results_arrive_once_and_in_order(count, most):
    assert everything(Search(STORE, numbers(count)), most) == list(range(count))


def test_a_search_waits_for_its_reader():
    made = []
    waits = threading.Event()

    def endless(_store):
        for number in itertools.count():
            made.append(number)
            if number == AHEAD:
                waits.set()
            yield number

    search = Search(STORE, endless)
    assert waits.wait(SECONDS)
    search.take(1, SECONDS)
    assert len(made) <= AHEAD + 3
    search.stop()
    search._thread.join(SECONDS)
    assert not search.running


def test_a_stopped_search_ends_at_its_next_read():
    begun, reads = threading.Event(), itertools.count()

    def finds_nothing(store):
        while True:
            store.get_range("part", 0, 1)
            next(reads)
            begun.set()
            yield from ()

    search = Search(STORE, finds_nothing)
    assert begun.wait(SECONDS)
    search.stop()
    search._thread.join(SECONDS)
    assert not search.running
    assert search.take(1, 0) == search.take(1, 0)
    assert search.take(1, 0).ended


def test_a_search_without_a_reader_ends_at_its_next_read(monkeypatch):
    monkeypatch.setattr("tidemark.web.searches._PATIENCE_SECONDS", 0)

    def finds_nothing(store):
        while True:
            store.get("part")
            yield from ()

    search = Search(STORE, finds_nothing)
    search._thread.join(SECONDS)
    assert not search.running


def test_an_error_follows_the_results_before_it():
    def breaks(_store):
        yield 1
        yield 2
        raise IndexDamaged("part 3 is damaged; choose another index")

    search = Search(STORE, breaks)
    search._thread.join(SECONDS)
    batch = search.take(10, SECONDS)
    assert batch.found == [1, 2]
    assert isinstance(batch.error, IndexDamaged)


def test_the_search_that_was_read_longest_ago_is_stopped_if_there_are_too_many():
    searches = Searches()
    begun = [searches.start(STORE, numbers(10 * AHEAD)) for _ in range(6)]
    assert searches.get(begun[0].search_id) is begun[0]
    searches.start(STORE, numbers(1))
    assert searches.get(begun[0].search_id) is begun[0]
    assert searches.get(begun[1].search_id) is None
    begun[1]._thread.join(SECONDS)
    assert not begun[1].running
    searches.stop_all()
    for each in begun:
        each._thread.join(SECONDS)
        assert not each.running
