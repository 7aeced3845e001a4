"""Crawling a file system into an index: batches in; sorted parts, side files and a manifest out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from tidemark.crawl.batch import Problem
from tidemark.crawl.crawler import Crawl
from tidemark.errors import IndexDamaged, IndexFormatNotSupported, IndexingFailed
from tidemark.index.catalogue import index_before
from tidemark.index.changes import ChangesBuilder
from tidemark.index.checkpoint import Checkpoint, CheckpointWriter
from tidemark.index.columns import columns, directories
from tidemark.index.dirs import DirsBuilder
from tidemark.index.escape import escape
from tidemark.index.groups import row_groups
from tidemark.index.manifest import File, IndexIdentity, Manifest
from tidemark.index.parts import PartWriter
from tidemark.index.problems import ProblemsBuilder
from tidemark.index.schema import PART_ROWS, PART_SCHEMA, ROW_GROUP_ROWS, schema_sha256
from tidemark.index.sort import RUN_ROWS, Sorter
from tidemark.index.store import ObjectExists, Store
from tidemark.index.top import TopBuilder
from tidemark.index.totals import Counter
from tidemark.index.trigrams import BLOCK_ROWS, TrigramsBuilder


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Sizes and intervals, which only tests change."""

    run_rows: int = RUN_ROWS
    part_rows: int = PART_ROWS
    row_group_rows: int = ROW_GROUP_ROWS
    block_rows: int = BLOCK_ROWS
    checkpoint_seconds: float = 300  # what a worker that is killed has crawled in vain, at most


class _SideBuilder(Protocol):
    def add(self, rows: pa.Table) -> None: ...
    def close(self, store: Store, prefix: str) -> File: ...


def build_index(
    crawl: Crawl,
    store: Store,
    identity: IndexIdentity,
    *,
    scratch: Path,
    now: Callable[[], datetime],
    worker: str,
    excluded: Sequence[bytes] = (),
    may_continue: Callable[[], None] = lambda: None,
    may_complete: Callable[[], None] = lambda: None,
    resume: Checkpoint | None = None,
    options: BuildOptions = BuildOptions(),
) -> Manifest:
    """Crawl, sort, write every file, then the manifest; return it.

    `now` is the clock, in UTC. `excluded` is what the crawl was told to leave out. `scratch` is a directory
    for sorted runs: about 60 bytes for each entry of a tree of more than half a million. `may_continue` is
    asked every second or so and `may_complete` before the manifest comes into being; they say no by raising.
    `resume` is where an earlier worker got to; the crawl must then begin at its pending directories. Memory
    does not grow with the number of entries.

    Raises CrawlFailed, CrawlStopped, IndexingFailed where the index exists already, what the store raises.
    """
    gathered = _Gathered(store, identity, scratch, resume.started_at if resume else now(), resume, options)
    try:
        gathered.crawl(crawl, may_continue)
        ended_at = now()
        manifest = _write(
            gathered.sorter,
            store,
            identity,
            gathered.problems,
            scratch=scratch,
            may_continue=may_continue,
            options=options,
        )
    finally:
        gathered.sorter.close()
    manifest = dataclasses.replace(
        manifest,
        crawl_started_at=gathered.started_at,
        crawl_ended_at=ended_at,
        worker=worker,
        excluded=tuple("/" + escape(pattern) for pattern in excluded),
    )
    may_complete()
    body = manifest.to_json()
    try:
        store.put(manifest.key, body, only_if_absent=True)
    except ObjectExists as error:
        # It may be our own: the SDK repeats a request whose answer was lost.
        if store.get(manifest.key) != body:
            raise IndexingFailed(
                f"index {identity.index_id} exists already in {store.url}; "
                f"start another session for a new one"
            ) from error
    gathered.checkpoints.remove()
    return manifest


class _Gathered:
    """Everything that the crawl has brought, kept safe at every checkpoint."""

    def __init__(
        self,
        store: Store,
        identity: IndexIdentity,
        scratch: Path,
        started_at: datetime,
        resume: Checkpoint | None,
        options: BuildOptions,
    ) -> None:
        self.started_at, self._every = started_at, options.checkpoint_seconds
        self.sorter = Sorter(scratch, run_rows=options.run_rows)
        self.problems = ProblemsBuilder()
        self.checkpoints = CheckpointWriter(store, identity, started_at, resume)
        self._new_problems: list[Problem] = []
        self._entries = 0
        if resume is not None:
            self._entries = resume.entries
            self.problems.add(resume.earlier_problems(store))
            for key in resume.runs:
                self.checkpoints.adopt(self.sorter.adopt(store.get(key)), key)

    def crawl(self, crawl: Crawl, may_continue: Callable[[], None]) -> None:
        """Crawl to the end, with a pause for each checkpoint."""
        pending = True
        while pending:
            due = time.monotonic() + self._every
            for batch in crawl.batches():
                may_continue()
                self.problems.add(batch.problems)
                self._new_problems += batch.problems
                if batch.rows:
                    self.sorter.add(columns(batch), directories(batch))
                    self._entries += batch.rows
                if time.monotonic() >= due:
                    crawl.pause()
            pending = next(crawl.pending(), None) is not None
            if pending:
                self.checkpoints.save(self.sorter.runs(), self._new_problems, crawl.pending(), self._entries)
                self._new_problems = []


def _write(
    sorter: Sorter,
    store: Store,
    identity: IndexIdentity,
    problems: ProblemsBuilder,
    *,
    scratch: Path,
    may_continue: Callable[[], None],
    options: BuildOptions,
) -> Manifest:
    """Write every file but the manifest, and return it without what only the crawl knows."""
    previous = _previous(store, identity)
    changes = _Changes(store, previous)
    sides: list[_SideBuilder] = [
        DirsBuilder(scratch),
        TrigramsBuilder(scratch, block_rows=options.block_rows),
        TopBuilder(),
    ]
    counter = Counter()

    def add_to_sides(rows: pa.Table) -> None:
        counter.add(rows)
        changes.add(rows)
        for side in sides:
            side.add(rows)

    with (
        PartWriter(store, identity.prefix, part_rows=options.part_rows) as parts,
        ThreadPoolExecutor(2) as pool,
    ):
        begun: list[Future[None]] = []
        for rows in row_groups(sorter.sorted(), options.row_group_rows):
            may_continue()
            for future in begun:  # one row group is merged while the one before is written
                future.result()
            begun = [pool.submit(parts.add, rows), pool.submit(add_to_sides, rows)]
        for future in begun:
            future.result()
        written = pool.submit(parts.close)
        files = list(pool.map(lambda side: side.close(store, identity.prefix), sides))
        files += changes.close(store, identity.prefix)
        files.append(problems.close(store, identity.prefix))
    never = datetime.min.replace(tzinfo=UTC)
    return Manifest(
        identity=identity,
        crawl_started_at=never,
        crawl_ended_at=never,
        worker="",
        previous_index_id=previous.index_id if previous else None,
        schema_sha256=schema_sha256(PART_SCHEMA),
        totals=counter.totals(**problems.counts),
        parts=tuple(written.result()),
        side_files=tuple(files),
    )


class _Changes:
    """Changes against the previous index; none are written where that index turns out to be damaged."""

    def __init__(self, store: Store, previous: Manifest | None) -> None:
        self._builder: ChangesBuilder | None = None
        if previous is not None:
            try:
                self._builder = ChangesBuilder(store, previous)
            except IndexDamaged:
                self._builder = None

    def add(self, rows: pa.Table) -> None:
        if self._builder is not None:
            try:
                self._builder.add(rows)
            except IndexDamaged:
                self._builder = None

    def close(self, store: Store, prefix: str) -> list[File]:
        try:
            return [self._builder.close(store, prefix)] if self._builder else []
        except IndexDamaged:
            return []


def _previous(store: Store, identity: IndexIdentity) -> Manifest | None:
    try:
        return index_before(store, identity)
    except (IndexDamaged, IndexFormatNotSupported):
        return None
