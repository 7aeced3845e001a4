"""A crawl of the same tree a day later: a given share of its files is modified, new or deleted.

`python -m bench.changed --entries N --repository URL` indexes a synthetic tree and, as another file system,
its state a day later, to compare the two. Then it indexes that state again as the first file system's next
index. It prints the cost of each.
"""

from __future__ import annotations

import argparse
import dataclasses
import stat
import tempfile
import time
from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from bench.synthetic import SyntheticCrawl, bytes_column
from bench.uninterrupted import UninterruptedCrawl
from tidemark.crawl.batch import Batch, BytesColumn
from tidemark.crawl.crawler import Crawl
from tidemark.index.build.pipeline import build_index
from tidemark.index.format.manifest import IndexIdentity, Manifest
from tidemark.index.storage.object_store import Store, file_store

_DAY_US = 86_400_000_000
_NEW_INODES = 7046029254386353131  # times a counter: numbers that differ from the existing inodes
_CREATED = datetime(2026, 9, 21, tzinfo=UTC)

NUMBERS = (
    "directory", "mode", "nlink", "uid", "gid", "size", "inode",
    "mtime_us", "ctime_us", "mtime_ns", "ctime_ns",
)  # fmt: skip


class ChangedCrawl(UninterruptedCrawl):
    """A crawl, changed: half of `share` of its regular files are modified, a quarter deleted, a quarter new.

    The changes are in the share `busy` of the directories (1: scattered over all, the hardest case to
    compare). The same seed gives the same changes of the same crawl.
    """

    def __init__(self, crawl: Crawl, *, share: float = 0.01, busy: float = 1, seed: int = 1) -> None:
        self._crawl, self._share, self._busy = crawl, share, busy
        self._chance = Random(seed)
        self._new = 0
        self.own_seconds = 0.0  # time spent on the changes

    def batches(self) -> Iterator[Batch]:
        for batch in self._crawl.batches():
            started = time.thread_time()
            changed = self._changed(batch)
            self._entries += changed.rows
            self.own_seconds += time.thread_time() - started
            yield changed

    def _changed(self, batch: Batch) -> Batch:
        chance = self._chance.random
        busy = [chance() < self._busy for _ in range(len(memoryview(batch.directories.offsets)))]
        share = self._share / self._busy
        numbers: dict[str, memoryview] = {field: memoryview(getattr(batch, field)) for field in NUMBERS}
        places: list[int] = []  # of the rows in the batch; for a new file, of the one it is copied from
        modified: list[int] = []
        new: list[int] = []
        for row, (mode, directory) in enumerate(zip(numbers["mode"], numbers["directory"], strict=True)):
            odds = chance() / share if stat.S_ISREG(mode) and busy[directory] else 1
            if odds < 0.25:
                continue
            if odds < 0.5:
                new.append(len(places))
                places.append(row)
            elif odds < 1:
                modified.append(len(places))
            places.append(row)
        taken: dict[str, Any] = {
            field: array(column.format, [column[place] for place in places])
            for field, column in numbers.items()
        }
        names, targets = (picked(column, places) for column in (batch.names, batch.targets))
        for place in modified + new:
            taken["mtime_us"][place] += _DAY_US
            taken["ctime_us"][place] = taken["mtime_us"][place]
            taken["size"][place] += 1
        for place in new:
            self._new += 1
            names[place] = b"%x-%s" % (self._chance.getrandbits(24), names[place][:200])
            taken["inode"][place] = _NEW_INODES * self._new % 2**63
        taken |= {"names": bytes_column(names), "targets": bytes_column(targets)}
        return dataclasses.replace(batch, rows=len(places), **taken)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An index of a synthetic tree."""

    manifest: Manifest
    cpu_seconds: float  # of sorting and writing


def make(
    store: Store, entries: int, *, share: float = 0.01, busy: float = 1, seed: int = 1, previous: bool = False
) -> Iterator[Made]:
    """Index a synthetic tree and, as another file system, its state a day later; return both indexes.

    With `previous`, index that state again as the first's next index, which includes the comparison.
    """
    made_up = SyntheticCrawl(entries, seed=seed)
    yield _index(store, made_up, made_up, 2 * seed, day=0)
    for file_system in (2 * seed + 1, 2 * seed)[: 1 + previous]:
        made_up = SyntheticCrawl(entries, seed=seed)
        later = ChangedCrawl(made_up, share=share, busy=busy)
        yield _index(store, later, made_up, file_system, day=1)


def _index(store: Store, crawl: Crawl, made_up: SyntheticCrawl, file_system: int, *, day: int) -> Made:
    made = _CREATED + timedelta(days=day)
    identity = IndexIdentity(
        account="local",
        region="local",
        file_system_id=f"fs-{file_system:016x}",
        index_id=f"fs-{file_system:016x}-{made:%Y%m%dT%H%M%SZ}-{day:06x}",
    )
    with tempfile.TemporaryDirectory() as scratch:
        started = time.process_time()
        manifest = build_index(
            crawl, store, identity, scratch=Path(scratch), now=lambda: made, worker="bench"
        )
        used = time.process_time() - started
    return Made(manifest=manifest, cpu_seconds=used - made_up.seconds - getattr(crawl, "own_seconds", 0))


def picked(column: BytesColumn, places: Sequence[int]) -> list[bytes]:
    """Return the strings of a column at `places`."""
    offsets, letters = memoryview(column.offsets), bytes(column.data)
    return [letters[offsets[place] : offsets[place + 1]] for place in places]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--entries", type=int, default=1_000_000)
    arguments.add_argument("--repository", required=True, help="file:///path")
    arguments.add_argument("--share", type=float, default=0.01, help="share of the files that changes")
    arguments.add_argument(
        "--busy", type=float, default=1, help="share of the directories that contain changes"
    )
    given = arguments.parse_args()
    store = file_store(given.repository)
    for each in make(store, given.entries, share=given.share, busy=given.busy, previous=True):
        entries = each.manifest.totals.entries
        cost = each.cpu_seconds / entries * 1e6
        print(f"{each.manifest.index_id}: {entries:,} entries, {cost:.2f} us CPU each", flush=True)


if __name__ == "__main__":
    main()
