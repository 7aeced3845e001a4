"""Measures writing an index with a million unreadable paths, and the commands that read them."""

from __future__ import annotations

import dataclasses
import json
import shutil
import stat
import sys
import tempfile
from argparse import ArgumentParser
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from errno import EIO
from pathlib import Path
from typing import Any

from bench.changed import NUMBERS, picked
from bench.figures import Figure, at_most, plain
from bench.finding import TIDEMARK
from bench.measure import run
from bench.synthetic import SyntheticCrawl, bytes_column
from bench.uninterrupted import UninterruptedCrawl
from tidemark.crawl.batch import Batch, Problem
from tidemark.crawl.crawler import Crawl, CrawlProgress
from tidemark.index.build.pipeline import build_index
from tidemark.index.files.changes import standing_rows
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.reading.filters import ANY
from tidemark.index.storage.catalog import list_indexes
from tidemark.index.storage.object_store import FileStore, file_store

_FILE_SYSTEM = "fs-00000000000000ee"
_UNREADABLE = 1_000_000
_ENTRIES = 2_500_000
_CREATED = datetime(2026, 9, 21, tzinfo=UTC)


class RefusingCrawl(UninterruptedCrawl):
    """A crawl whose first N regular files are unreadable."""

    def __init__(self, crawl: Crawl, most: int) -> None:
        self._crawl, self._most = crawl, most

    def batches(self) -> Iterator[Batch]:
        for batch in self._crawl.batches():
            yield self._refused(batch)

    def progress(self) -> CrawlProgress:
        return self._crawl.progress()

    def _refused(self, batch: Batch) -> Batch:
        numbers: dict[str, memoryview] = {field: memoryview(getattr(batch, field)) for field in NUMBERS}
        refused = [row for row, mode in enumerate(numbers["mode"]) if stat.S_ISREG(mode)][: self._most]
        if not refused:
            return batch
        self._most -= len(refused)
        gone = set(refused)
        places = [row for row in range(batch.rows) if row not in gone]
        names = picked(batch.names, refused)
        above = picked(batch.directories, [numbers["directory"][row] for row in refused])
        columns: dict[str, Any] = {
            field: array(column.format, [column[place] for place in places])
            for field, column in numbers.items()
        }
        return dataclasses.replace(
            batch,
            rows=len(places),
            names=bytes_column(picked(batch.names, places)),
            targets=bytes_column(picked(batch.targets, places)),
            problems=tuple(
                Problem.seen(directory + name, "stat", EIO)
                for directory, name in zip(above, names, strict=True)
            ),
            **columns,
        )


def figures(directory: Path) -> Iterator[Figure]:
    """Yield the costs of three indexes; a million files are unreadable in the last two."""
    repository = directory / f"refused-{_UNREADABLE}"
    shutil.rmtree(repository, ignore_errors=True)
    for day, what in enumerate(
        ("all files readable", "a million files unreadable", "the same files unreadable again")
    ):
        program = [
            sys.executable,
            "-m",
            "bench.refusing",
            "--repository",
            repository.as_uri(),
            "--day",
            f"{day}",
        ]
        cost = run(program, runs=1)
        made = json.loads(cost.output)
        numbers = f"{made['entries']:,} entries, {made['unreadable']:,} unreadable"
        yield plain(f"build, {what} ({numbers}): CPU", f"{cost.cpu:.0f} s")
        yield at_most(f"build, {what}: memory", cost.memory, 1000, " MB", 0)
    first, second, third = list_indexes(FileStore(repository))
    entry = next(
        entry
        for rows in standing_rows(FileStore(repository), third, ANY)
        for entry in rows.select(["parent", "name"]).slice(0, 1).to_pylist()
    )
    above = entry["parent"]
    for what, command in {
        "a directory with unreadable files": ["ls", f"{third.index_id}:{above}"],
        "an unreadable file": ["history", f"{above}{entry['name']}"],
        "`--ignore-case`": ["search", "--ignore-case", "invoice", "--count"],
        "consecutive indexes, below one directory": [
            "diff",
            second.index_id,
            third.index_id,
            "--under",
            above,
        ],
        "consecutive indexes": ["diff", second.index_id, third.index_id],
        "indexes with one in between, below one directory": [
            "diff",
            first.index_id,
            third.index_id,
            "--under",
            above,
        ],
        "indexes with one in between": ["diff", first.index_id, third.index_id],
    }.items():
        cost = run([TIDEMARK, *command, "--repository", repository.as_uri()], runs=1)
        yield plain(f"`tidemark {command[0]}`: {what}", f"{cost.wall:.1f} s, {cost.cpu:.1f} s CPU")
        yield at_most("its memory", cost.memory, 1000, " MB", 0)


def main() -> None:
    """Make one of the three indexes and print its counts."""
    arguments = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--repository", required=True, help="file:///path")
    arguments.add_argument("--day", type=int, required=True, help="0, 1 or 2")
    given = arguments.parse_args()
    made = _CREATED + timedelta(days=given.day)
    identity = IndexIdentity(
        account="local",
        region="local",
        file_system_id=_FILE_SYSTEM,
        index_id=f"{_FILE_SYSTEM}-{made:%Y%m%dT%H%M%SZ}-{given.day:06x}",
    )
    crawl = RefusingCrawl(SyntheticCrawl(_ENTRIES), _UNREADABLE if given.day else 0)
    with tempfile.TemporaryDirectory() as scratch:
        manifest = build_index(
            crawl,
            file_store(given.repository),
            identity,
            scratch=Path(scratch),
            now=lambda: made,
            worker="bench",
        )
    print(json.dumps(dataclasses.asdict(manifest.totals)))


if __name__ == "__main__":
    main()
