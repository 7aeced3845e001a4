"""Writes all files of an index in one pass over its sorted rows."""

from __future__ import annotations

import dataclasses
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self

import pyarrow as pa

from tidemark.errors import IndexDamaged
from tidemark.index.files.changes import ChangesBuilder
from tidemark.index.files.damage_file import DamageBuilder
from tidemark.index.files.dirs import DirsBuilder
from tidemark.index.files.errors_file import ProblemsBuilder
from tidemark.index.files.history_log import HistoryBuilder
from tidemark.index.files.parts import PartWriter
from tidemark.index.files.top import TopBuilder
from tidemark.index.files.trigrams import BLOCK_ROWS, TrigramsBuilder
from tidemark.index.files.unreadable_file import Unreadable
from tidemark.index.format.manifest import Changes, File, IndexIdentity, Manifest
from tidemark.index.format.schema import PART_ROWS, ROW_GROUP_ROWS
from tidemark.index.rows.external_sort import RUN_ROWS
from tidemark.index.rows.totals import Counter
from tidemark.index.storage.attempt_folder import Folder
from tidemark.index.storage.object_store import Store


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Sizes and intervals. Only tests change them."""

    run_rows: int = RUN_ROWS
    part_rows: int = PART_ROWS
    row_group_rows: int = ROW_GROUP_ROWS
    block_rows: int = BLOCK_ROWS
    checkpoint_seconds: float = 300  # at most this much crawling is lost when a worker is killed


class _SideBuilder(Protocol):
    def add(self, rows: pa.Table) -> None: ...
    def close(self, folder: Folder) -> File: ...


class IndexWriter:
    """Writes the files of an index except its manifest: parts in one thread, side files in another."""

    def __init__(
        self,
        store: Store,
        identity: IndexIdentity,
        previous: Manifest | None,
        unreadable: Unreadable,
        *,
        folder: Folder,
        scratch: Path,
        schema: pa.Schema,
        options: BuildOptions,
        damage: DamageBuilder | None,
    ) -> None:
        self._folder, self._damage = folder, damage
        self._parts = PartWriter(folder, part_rows=options.part_rows, schema=schema)
        self._counter = Counter()
        self._changes = _Changes(store, identity, previous, unreadable, damage)
        self._scratch = tempfile.TemporaryDirectory(dir=scratch, prefix="tidemark-sides-")
        self._sides: list[_SideBuilder] = [
            DirsBuilder(Path(self._scratch.name), *([damage.note_directories] if damage else [])),
            TrigramsBuilder(block_rows=options.block_rows),
            TopBuilder(),
        ]
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="write")
        self._pending_writes: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()
        self._parts.end()
        self._scratch.cleanup()

    def add(self, rows: pa.Table) -> None:
        """Add a row group, `trimmed`. It is written while the caller merges the next one."""
        self._wait()
        self._pending_writes = [
            self._threads.submit(self._parts.add, rows),
            self._threads.submit(self._add_to_sides, rows),
        ]

    def close(self, problems: ProblemsBuilder, index_id: str, crawled_at: datetime) -> dict[str, Any]:
        """Write the remaining rows; return the manifest's fields about all files."""
        self._wait()
        parts = self._threads.submit(self._parts.close)
        changes = self._changes.close(self._folder)
        if self._damage is not None:
            self._damage.choose()  # before the directories are written, whose files it needs
        files = list(self._threads.map(lambda side: side.close(self._folder), self._sides))
        files += [*changes, problems.close(self._folder)]
        if self._damage is not None:
            compared = self._changes.counts is not None
            files.append(self._damage.close(self._folder, index_id, crawled_at, compared=compared))
        return {
            "totals": self._counter.totals(**problems.counts),
            "changes": self._changes.counts,
            "parts": tuple(parts.result()),
            "side_files": tuple(files),
        }

    def _add_to_sides(self, rows: pa.Table) -> None:
        self._counter.add(rows)
        self._changes.add(rows)
        if self._damage is not None:
            self._damage.add(rows)
        for side in self._sides:
            side.add(rows)

    def _wait(self) -> None:
        for future in self._pending_writes:
            future.result()
        self._pending_writes = []


class _Changes:
    """Changes against the previous index, and the history to which they are added.

    Neither is written if the previous index is damaged.
    """

    def __init__(
        self,
        store: Store,
        identity: IndexIdentity,
        previous: Manifest | None,
        unreadable: Unreadable,
        damage: DamageBuilder | None,
    ) -> None:
        self._identity, self._damage = identity, damage
        self._builder: ChangesBuilder | None = None
        if previous is not None:
            self._history = HistoryBuilder(store, previous)
            try:
                self._builder = ChangesBuilder(store, previous, unreadable, self._watch)
            except IndexDamaged:
                self._builder = None

    @property
    def counts(self) -> Changes | None:
        """The number of changes; None if unknown."""
        return self._builder.counts if self._builder else None

    def add(self, rows: pa.Table) -> None:
        if self._builder is not None:
            try:
                self._builder.add(rows)
            except IndexDamaged:
                self._builder = None

    def close(self, folder: Folder) -> list[File]:
        if self._builder is None:
            return []
        try:
            changes = self._builder.close(folder)
        except IndexDamaged:
            self._builder = None
            return []
        return [*changes, *self._history.close(self._identity.index_id, folder)]

    def _watch(self, changes: pa.Table) -> None:
        self._history.add(changes)
        if self._damage is not None:
            self._damage.watch(changes)
