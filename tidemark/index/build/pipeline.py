"""Crawling a file system into an index: batches in; sorted parts, side files and a manifest out."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import zip_longest
from pathlib import Path

import pyarrow as pa

from tidemark.crawl.batch import Problem
from tidemark.crawl.crawler import RESTORE_DIRECTORIES, Crawl
from tidemark.errors import IndexDamaged, IndexFormatNotSupported
from tidemark.exclusions import Exclusion
from tidemark.index.build.checkpoint import Checkpoint, CheckpointWriter
from tidemark.index.build.index_writer import BuildOptions, IndexWriter
from tidemark.index.build.progress import BuildProgress
from tidemark.index.build.publishing import propose, publish
from tidemark.index.files.errors_file import ProblemsBuilder
from tidemark.index.format.manifest import IndexIdentity, Manifest
from tidemark.index.format.schema import NO_FLAGS, Flags, schema_sha256
from tidemark.index.rows.arrow_batch import columns, directories
from tidemark.index.rows.external_sort import Sorter
from tidemark.index.rows.row_groups import row_groups
from tidemark.index.storage.attempt_folder import Folder
from tidemark.index.storage.catalog import index_before
from tidemark.index.storage.object_store import Store

_PROBLEMS_IN_MEMORY = 65_536  # more of what no checkpoint names yet wait in the repository


class IndexingPaused(Exception):
    """`pause_wanted` said so: a checkpoint holds everything, for a build that goes on after this one."""


@contextlib.contextmanager
def _for_many_objects() -> Iterator[None]:
    """Prepare this process for work that allocates a lot."""
    with contextlib.suppress(NotImplementedError, AttributeError):
        pa.set_memory_pool(
            pa.jemalloc_memory_pool()
        )  # gives back soonest what threads free, where it is there
    if gc.get_freeze_count():  # somebody else has done it
        yield
        return
    gc.freeze()  # what has been imported stays: a tenth of the time went into looking through it
    try:
        yield
    finally:
        gc.unfreeze()


@_for_many_objects()
def build_index(
    crawl: Crawl,
    store: Store,
    identity: IndexIdentity,
    *,
    scratch: Path,
    now: Callable[[], datetime],
    worker: str,
    excluded: Sequence[Exclusion] = (),
    flags: Flags = NO_FLAGS,
    may_continue: Callable[[], None] = lambda: None,
    may_complete: Callable[[], None] = lambda: None,
    pause_wanted: Callable[[], bool] = lambda: False,
    progress: BuildProgress | None = None,
    resume: Checkpoint | None = None,
    attempt: str = "",
    options: BuildOptions = BuildOptions(),  # noqa: B008 - frozen
) -> Manifest:
    """Crawl, sort, write every file, then the manifest; return it.

    `now` is the clock, in UTC. `excluded` is what the crawl was told to leave out. `scratch` is a directory
    for sorted runs: about 60 bytes for each entry of a tree of more than a quarter of a million.
    `may_continue` is asked every second or so and `may_complete` before the manifest comes into being; they
    say no by raising. `pause_wanted` is asked as often. `progress` is kept up to date. `resume` is where an
    earlier worker got to; the crawl must then begin at its pending directories, and `excluded` and `flags`
    must be what they were. `attempt` names a folder of the build's own (see Folder); the index is then only
    proposed, and complete when somebody publishes it. Memory does not grow with the number of entries.

    Raises CrawlFailed, CrawlStopped, IndexingPaused, IndexingFailed where the index exists already, what the
    store raises.
    """
    folder = Folder(store, identity, attempt)
    previous = previous_index(store, identity)
    progress = progress or BuildProgress()
    progress.begin(
        entries_expected=previous.totals.entries if previous else None,
        entries=resume.entries if resume else 0,
    )
    started_at = resume.started_at if resume else now()
    gathered = _Gathered(crawl, store, identity, scratch, started_at, resume, options)
    try:
        gathered.crawl(flags, may_continue, pause_wanted, progress)
        ended_at = now()
        progress.begin_writing()
        writing = IndexWriter(
            store,
            identity,
            previous,
            gathered.problems.unreadable(),
            folder=folder,
            scratch=scratch,
            schema=flags.part_schema(),
            options=options,
        )
        with writing:
            for rows in row_groups(gathered.sorter.sorted(), options.row_group_rows):
                may_continue()
                if pause_wanted():
                    gathered.keep(())
                    raise IndexingPaused
                writing.add(rows)
                progress.wrote(len(rows))
            gathered.sorter.close()  # its room in scratch is for the side files now
            written = writing.close(gathered.problems)
    finally:
        gathered.sorter.close()
    manifest = Manifest(
        identity=identity,
        crawl_started_at=gathered.started_at,
        crawl_ended_at=ended_at,
        worker=worker,
        excluded=tuple(map(str, excluded)),
        unmatched=gathered.unmatched(excluded),
        flags=flags.names(),
        previous_index_id=previous.index_id if previous else None,
        schema_sha256=schema_sha256(flags.part_schema()),
        **written,
    )
    may_complete()
    if attempt:
        propose(store, manifest, folder)
    else:
        publish(store, manifest)
    gathered.checkpoints.remove()
    return manifest


def previous_index(store: Store, identity: IndexIdentity) -> Manifest | None:
    """Return the file system's newest index besides this one; None where there is none that can be read."""
    try:
        return index_before(store, identity)
    except (IndexDamaged, IndexFormatNotSupported):
        return None


class _Gathered:
    """Everything that the crawl has brought, kept safe at every checkpoint."""

    def __init__(
        self,
        crawl: Crawl,
        store: Store,
        identity: IndexIdentity,
        scratch: Path,
        started_at: datetime,
        resume: Checkpoint | None,
        options: BuildOptions,
    ) -> None:
        self._crawl = crawl
        self.started_at, self._every = started_at, options.checkpoint_seconds
        self.sorter = Sorter(scratch, run_rows=options.run_rows)
        self.problems = ProblemsBuilder()
        self.checkpoints = CheckpointWriter(store, identity, started_at, resume)
        self._new_problems: list[Problem] = []
        self._entries = 0
        self._left_out = resume.left_out if resume else ()  # by the workers before this one
        if resume is not None:
            self._entries = resume.entries
            self.problems.add(resume.earlier_problems(store))
            for key in resume.runs:
                self.checkpoints.adopt(self.sorter.adopt(store.get(key)), key)

    def crawl(
        self,
        flags: Flags,
        may_continue: Callable[[], None],
        pause_wanted: Callable[[], bool],
        progress: BuildProgress,
    ) -> None:
        """Crawl to the end, with a pause for each checkpoint."""
        pending = True
        while pending:
            due = time.monotonic() + self._every
            for batch in self._crawl.batches():
                may_continue()
                self.problems.add(batch.problems)
                self._new_problems += batch.problems
                if len(self._new_problems) >= _PROBLEMS_IN_MEMORY:
                    self.checkpoints.put_problems(self._new_problems)
                    self._new_problems = []
                if batch.rows:
                    self.sorter.add(columns(batch, flags), directories(batch))
                    self._entries += batch.rows
                    progress.crawled(batch.rows)
                if time.monotonic() >= due or pause_wanted():
                    self._crawl.pause()
            pending = next(self._crawl.pending(), None) is not None
            paused = (
                pause_wanted()
            )  # once: a pause that is wanted a moment later must not skip the checkpoint
            if pending or paused:
                self.keep(self._crawl.pending())
            if paused:
                raise IndexingPaused

    def keep(self, pending: Iterable[bytes]) -> None:
        """Write a checkpoint; `pending` are the directories that are yet to be listed."""
        self.checkpoints.save(
            self.sorter.runs(), self._new_problems, pending, self._entries, self._all_left_out()
        )
        self._new_problems = []

    def unmatched(self, excluded: Sequence[Exclusion]) -> tuple[str, ...]:
        """Return the patterns that no directory matched; none where an earlier worker did not count them."""
        left_out = self._all_left_out() or ()
        asked_for = [pattern not in RESTORE_DIRECTORIES for pattern in excluded]
        found = zip(excluded, asked_for, left_out, strict=False)
        return tuple(str(pattern) for pattern, asked, number in found if asked and not number)

    def _all_left_out(self) -> list[int] | None:
        """Return how many directories each pattern has left out since the crawl began."""
        if self._left_out is None:
            return None
        return [sum(counts) for counts in zip_longest(self._left_out, self._crawl.left_out(), fillvalue=0)]
