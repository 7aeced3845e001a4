"""Work that readers wait for: shared, reported, and stopped with its last reader."""

from __future__ import annotations

import threading
from types import SimpleNamespace

from tidemark.errors import IndexDamaged
from tidemark.web.work import Work, Works

SECONDS = 30.0
STORE = SimpleNamespace(url="file:///x", at_once=1, get=lambda key: b"12345", get_range=lambda *_: b"")


def result_of(work: Work):
    *_, last = work.steps()
    return last


def test_the_last_step_has_the_result_and_the_steps_before_it_the_bytes_read():
    go = threading.Event()

    def compute(store):
        store.get("part")
        go.wait(SECONDS)
        return "sum"

    work = Works().start("key", STORE, compute)
    steps = work.steps()
    first = next(steps)
    assert not first.ended
    go.set()
    *_, last = steps
    assert last.result == "sum"
    assert work._counting.bytes_read == 5


def test_equal_questions_are_computed_once():
    works, calls = Works(), []
    for _ in range(3):
        assert result_of(works.start("key", STORE, lambda _: calls.append(1) or len(calls))).result == 1
    assert result_of(works.start("other", STORE, lambda _: "b")).result == "b"


def test_an_error_is_the_last_step_and_is_tried_again():
    works = Works()

    def breaks(_store):
        raise IndexDamaged("part 1 is damaged; choose another index")

    assert isinstance(result_of(works.start("key", STORE, breaks)).error, IndexDamaged)
    assert result_of(works.start("key", STORE, lambda _: "whole")).result == "whole"


def test_work_stops_at_its_next_read_when_its_last_reader_leaves():
    ended, go = threading.Event(), threading.Event()

    def reads_endlessly(store):
        try:
            while True:
                store.get("part")
                go.wait(0.001)
        finally:
            ended.set()

    work = Work(STORE, reads_endlessly)
    first, second = work.steps(), work.steps()
    next(first)
    next(second)
    first.close()
    assert not work._stop.is_set()
    second.close()
    assert ended.wait(SECONDS)
    assert not work.reusable
