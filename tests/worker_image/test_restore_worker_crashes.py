"""A restore worker that ends at any moment leaves what the next one completes, with the same result."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from tests.restore import trees
from tests.restore.crashes import Crash, Crashes, crashing
from tests.worker_image.restoring import EndingStore, Restore, States
from worker_image import answers

Moment = Literal["before", "after"]
LIVE: trees.Tree = {b"d": {b"same": b"live", b"old": b"O"}}
FIRST: trees.Tree = {b"d": {b"same": b"restored", b"new": b"N", b"sub": {b"f": b"F"}}, b"far": {b"g": b"G"}}
SECOND: trees.Tree = {b"late": b"L"}


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    timer = SimpleNamespace(start=lambda: None)
    monkeypatch.setattr(answers, "threading", SimpleNamespace(Timer=lambda *_: timer))
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def prepared(directory: Path) -> Restore:
    """Return a restore with two points and three jobs, one of which also restored what was not asked for."""
    directory.mkdir()
    restore = Restore(directory, LIVE)
    restore.backup(FIRST, ["/d", "/far/g"], requests=["/d", "/far"])
    damaged = restore.restore(0, 1) / "d/new"
    times = damaged.stat().st_mtime_ns
    damaged.write_bytes(b"damaged")
    os.utime(damaged, ns=(times, times))
    (restore.restore(1, 2) / "far/not asked for").write_bytes(b"")
    restore.backup(SECOND, ["/late"])
    restore.restore()
    return restore


def ended_at(number: int | None, moment: Moment, restore: Restore, policy: Any) -> int:
    """Run a worker that ends at a write to the repository or a change of the file system, counted from 0.

    Return how many there were.
    """
    with crashing(number, moment) as crashes:
        store = EndingStore(restore.store, _at_writes(crashes, number, moment))
        restore.run(on_conflict=policy, store=store)
    return crashes.count


def _at_writes(crashes: Crashes, number: int | None, moment: Moment) -> Callable[[str, str], None]:
    def ends(when: str, key: str) -> None:
        if crashes.dead:
            raise Crash
        if key.endswith("progress.json"):
            return
        if when == "before":
            crashes.count += 1
        if crashes.count - 1 == number and when == moment:
            crashes.dead = True
            raise Crash

    return ends


@pytest.mark.parametrize("policy", ["fail", "rename", "replace"])
def test_the_result_is_the_same_after_an_end_at_any_operation(tmp_path: Path, policy: str) -> None:
    template = prepared(tmp_path / "template")
    whole = template.copied_to(tmp_path / "whole")
    count = ended_at(None, "before", whole, policy)
    assert count > 30
    expected = (whole.tree(), whole.totals, whole.results())
    assert "differences" in whole.totals
    for number in range(count):
        # The end after an operation leaves what the end before the next one does.
        restore = template.copied_to(tmp_path / str(number))
        ended_at(number, "before", restore, policy)
        if not restore.states.successes:  # the last operations follow the answer
            restore.states = States()
            assert restore.run(on_conflict=policy) == 0  # type: ignore[arg-type]  # a literal
        found = (restore.tree(), restore.totals, restore.results())
        assert found == expected, f"ended before operation {number}"
        shutil.rmtree(restore.directory)


def test_the_result_is_the_same_after_many_ends(tmp_path: Path) -> None:
    whole = prepared(tmp_path / "whole")
    restore = whole.copied_to(tmp_path / "often")
    ended_at(None, "before", whole, "rename")
    for number in range(0, 40, 3):
        restore.states = States()
        ended_at(number, "after", restore, "rename")
        if restore.states.successes:
            break
    else:
        restore.states = States()
        assert restore.run(on_conflict="rename") == 0
    assert (restore.tree(), restore.totals, restore.results()) == (
        whole.tree(),
        whole.totals,
        whole.results(),
    )
