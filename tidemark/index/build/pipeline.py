"""Builds an index: from a crawl's batches to sorted parts, side files and a manifest."""

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
from tidemark.damage.settings import DamageSettings
from tidemark.errors import IndexDamaged, IndexFormatNotSupported
from tidemark.exclusions import Exclusion
from tidemark.index.build.checkpoint import Checkpoint, CheckpointWriter
from tidemark.index.build.index_writer import BuildOptions, IndexWriter
from tidemark.index.build.progress import BuildProgress
from tidemark.index.build.publishing import propose, publish
from tidemark.index.files.damage_file import DamageBuilder
from tidemark.index.files.errors_file import ProblemsBuilder
from tidemark.index.format.manifest import IndexIdentity, Manifest, RestoredPoint
from tidemark.index.format.schema import NO_FLAGS, Flags, schema_sha256
from tidemark.index.rows.arrow_batch import columns, directories
from tidemark.index.rows.external_sort import Sorter
from tidemark.index.rows.row_groups import row_groups
from tidemark.index.storage.attempt_folder import Folder
from tidemark.index.storage.catalog import index_before
from tidemark.index.storage.object_store import Store

_PROBLEMS_IN_MEMORY = 65_536  # since the last checkpoint; more are stored in the repository


class IndexingPaused(Exception):
    """`pause_wanted` returned True. A checkpoint was written, from which another build can resume."""


@contextlib.contextmanager
def _for_many_objects() -> Iterator[None]:
    """Tune allocator and garbage collector for many allocations, until the block ends."""
    with contextlib.suppress(NotImplementedError, AttributeError):
        pa.set_memory_pool(pa.jemalloc_memory_pool())  # if available: returns memory freed by threads soonest
    if gc.get_freeze_count():  # already done by a caller
        yield
        return
    gc.freeze()  # traversing the imported modules took a tenth of the time
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
    source: RestoredPoint | None = None,
    damage: DamageSettings = DamageSettings(),  # noqa: B008 - frozen
    accepted_until: str = "",
    options: BuildOptions = BuildOptions(),  # noqa: B008 - frozen
) -> Manifest:
    """Crawl, sort, write every file and finally the manifest; return the manifest.

    `now` is the clock, in UTC. `excluded` are the exclusions of the crawl. `scratch` is a directory for
    sorted runs: about 60 bytes per entry for trees of more than a quarter of a million entries.
    `may_continue` is called about every second and `may_complete` before the manifest is written; they
    refuse by raising. `pause_wanted` is also called about every second. `progress` is updated. `resume` is
    the checkpoint of an earlier worker; the crawl must then start at its pending directories, and `excluded`
    and `flags` must be the same. `attempt` names a separate folder for the build (see Folder); the index is
    then only proposed, and becomes complete when it is published. `source` is recorded in the manifest.
    Memory does not grow with the number of entries.

    Raises CrawlFailed, CrawlStopped, IndexingPaused, IndexingFailed if the index already exists, and the
    errors of the store.
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
            damage=None
            if source
            else DamageBuilder.of(
                store,
                previous,
                excluded=tuple(map(str, excluded)),
                settings=damage,
                accepted_until=accepted_until,
            ),
        )
        with writing:
            for rows in row_groups(gathered.sorter.sorted(), options.row_group_rows):
                may_continue()
                if pause_wanted():
                    gathered.keep(())
                    raise IndexingPaused
                writing.add(rows)
                progress.wrote(len(rows))
            gathered.sorter.close()  # frees scratch space for the side files
            written = writing.close(gathered.problems, identity.index_id, gathered.started_at)
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
        source=source,
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
    """Return the file system's newest index other than this one; None if there is no readable one."""
    try:
        return index_before(store, identity)
    except (IndexDamaged, IndexFormatNotSupported):
        return None


class _Gathered:
    """The sorted rows and problems of the crawl so far, saved at every checkpoint."""

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
        self._left_out = resume.left_out if resume else ()  # by earlier workers
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
        """Crawl to the end, pausing for each checkpoint."""
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
            )  # called once: a pause that is requested a moment later must not skip the checkpoint
            if pending or paused:
                self.keep(self._crawl.pending())
            if paused:
                raise IndexingPaused

    def keep(self, pending: Iterable[bytes]) -> None:
        """Write a checkpoint; `pending` are the directories that are not listed yet."""
        self.checkpoints.save(
            self.sorter.runs(), self._new_problems, pending, self._entries, self._all_left_out()
        )
        self._new_problems = []

    def unmatched(self, excluded: Sequence[Exclusion]) -> tuple[str, ...]:
        """Return the patterns that matched no directory; empty if an earlier worker did not count matches."""
        left_out = self._all_left_out() or ()
        asked_for = [pattern not in RESTORE_DIRECTORIES for pattern in excluded]
        found = zip(excluded, asked_for, left_out, strict=False)
        return tuple(str(pattern) for pattern, asked, number in found if asked and not number)

    def _all_left_out(self) -> list[int] | None:
        """Return the number of directories that each pattern has excluded since the crawl began."""
        if self._left_out is None:
            return None
        return [sum(counts) for counts in zip_longest(self._left_out, self._crawl.left_out(), fillvalue=0)]
