"""How many files, and how many bytes of them, changed within the intervals between indexes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pyarrow.compute as pc

from tidemark.index.files.changes import CHANGES
from tidemark.index.format.manifest import Manifest
from tidemark.index.reading.part_reader import ParquetReader
from tidemark.index.rows.compare import ADDED, MODIFIED
from tidemark.index.storage.object_store import Store

MOST_FILES = 2_000_000  # distinct ones that are remembered; 200 bytes each


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFiles:
    """The regular files that were added or changed in an interval; each counts once, with its last size."""

    interval: timedelta  # between the beginnings of two crawls
    files: int
    bytes: int

    @property
    def days(self) -> float:
        """The interval in days."""
        return self.interval / timedelta(days=1)


def changed_files(store: Store, indexes: Sequence[Manifest]) -> Iterator[ChangedFiles]:
    """Yield the changes up to the newest index: since the one before it, then since ever earlier ones.

    `indexes` are those of one file system, oldest first. Reads only their changes.parquet, and stops at an
    index that was not compared with the one before it, and after MOST_FILES. Raises IndexDamaged.
    """
    seen: set[tuple[str, str]] = set()
    size = 0
    newest = indexes[-1] if indexes else None
    for index, before in zip(reversed(indexes[1:]), reversed(indexes[:-1]), strict=True):
        file = index.side_file(CHANGES)
        if newest is None or file is None or index.previous_index_id != before.index_id:
            return
        reader = ParquetReader(store, index, file)
        for group in range(reader.row_groups):
            rows = reader.read(group, ["op", "type", "parent", "name", "size"])
            written = pc.or_(pc.equal(rows.column("op"), ADDED), pc.equal(rows.column("op"), MODIFIED))
            rows = rows.filter(pc.and_(written, pc.equal(rows.column("type"), "f")))
            columns = (rows.column(name).to_pylist() for name in ("parent", "name", "size"))
            for parent, name, length in zip(*columns, strict=True):
                if (parent, name) not in seen:
                    seen.add((parent, name))
                    size += length
        yield ChangedFiles(
            interval=newest.crawl_started_at - before.crawl_started_at, files=len(seen), bytes=size
        )
        if len(seen) > MOST_FILES:
            return
