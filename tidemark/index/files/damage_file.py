"""damage.json: whether the changes of an index look like damage. docs/index-format.md describes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.damage.document import MOST_EXTENSIONS, DamageDocument, next_document
from tidemark.damage.facts import ROOT, Comparison, Counts, Scope, most_of
from tidemark.damage.settings import DamageSettings
from tidemark.errors import IndexDamaged
from tidemark.index.files.damage_counts import ChangeCounter
from tidemark.index.files.parquet_writer import described
from tidemark.index.format.manifest import File, Manifest
from tidemark.index.storage.attempt_folder import Folder
from tidemark.index.storage.object_store import Store
from tidemark.index.storage.verified_reads import damaged, read_end

DAMAGE = "damage.json"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_JUDGED = 2_048  # directories; those with most changes

NO_PREVIOUS = "not enough history: this is the first index"
NOT_COMPARED = "the previous index could not be read, so the changes are unknown"
NO_RECORD = "not enough history: the previous index has no record of its files"
OTHER_EXCLUSIONS = "the excluded directories differ from those of the previous index"


def read_damage(store: Store, manifest: Manifest) -> DamageDocument | None:
    """Return what an index records about damage; None if it has no record. Raises IndexDamaged."""
    file = manifest.side_file(DAMAGE)
    if file is None:
        return None
    body, _ = read_end(store, manifest, file)
    try:
        return DamageDocument.from_json(body)
    except ValueError as error:
        raise damaged(store, manifest, file, f"is damaged: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The index with which a new one is compared."""

    index_id: str
    crawled_at: datetime  # start of its crawl, UTC
    same_exclusions: bool  # whether it has the same excluded directories as the new index


class DamageBuilder:
    """Counts changes while an index is written, and judges them at its end.

    `before` is the record of the previous index, None if it has none. `accepted_until` is as in `judge`.
    """

    def __init__(
        self,
        before: DamageDocument | None,
        previous: Previous | None,
        *,
        settings: DamageSettings,
        accepted_until: str = "",
    ) -> None:
        self._before, self._previous = before, previous
        self._settings, self._accepted_until = settings, accepted_until
        self._extensions: Counter[str] = Counter()
        self._changes: ChangeCounter | None = None
        if previous is not None and before is not None:
            self._changes = ChangeCounter(
                since_us=(previous.crawled_at - _EPOCH) // timedelta(microseconds=1),
                known=before.extensions,
                old_days=settings.old_days,
            )
        self._subtrees: dict[str, Counts] = {}
        self._limits = Counts()
        self._now: dict[str, tuple[int, int]] = {}  # files and bytes of those directories

    @classmethod
    def of(
        cls,
        store: Store,
        previous: Manifest | None,
        *,
        excluded: Collection[str],
        settings: DamageSettings,
        accepted_until: str = "",
    ) -> Self:
        """Return the builder of an index with these exclusions, whose previous index is `previous`."""
        if previous is None:
            return cls(None, None, settings=settings, accepted_until=accepted_until)
        known = Previous(
            index_id=previous.index_id,
            crawled_at=previous.crawl_started_at,
            same_exclusions=set(previous.excluded) == set(excluded),
        )
        return cls(
            _document_or_none(store, previous), known, settings=settings, accepted_until=accepted_until
        )

    def add(self, rows: pa.Table) -> None:
        """Note the extensions of rows of the index."""
        for each in pc.value_counts(rows.column("ext").combine_chunks()).to_pylist():
            if each["values"] is not None:
                self._extensions[each["values"]] += each["counts"]
        if len(self._extensions) > 4 * MOST_EXTENSIONS:
            self._extensions = Counter(dict(self._extensions.most_common(2 * MOST_EXTENSIONS)))

    def watch(self, changes: pa.Table) -> None:
        """Count changes, as `ChangesBuilder` reports them."""
        if self._changes is not None:
            self._changes.add(changes)

    def choose(self) -> None:
        """End the counting of changes, and choose the directories to judge."""
        if self._changes is None:
            return
        sums = self._changes.subtrees()

        def weight(path: str) -> int:
            counts = sums[path]
            return counts.replaced + counts.changed + counts.disguised + counts.deleted + counts.added

        order = sorted(sums, key=lambda path: (path != ROOT, -weight(path), path))
        self._subtrees = {path: sums[path] for path in order[:_MOST_JUDGED]}
        self._limits = most_of(sums[path] for path in order[_MOST_JUDGED:])

    def note_directories(self, rows: pa.Table) -> None:
        """Note the files of the chosen directories, from rows of dirs.parquet."""
        if not self._subtrees:
            return
        path = pc.binary_join_element_wise(rows.column("parent"), rows.column("name"), "/", "")
        chosen = rows.append_column("path", path).filter(
            pc.is_in(path, value_set=pa.array(self._subtrees, pa.string()))
        )
        files = pc.coalesce(chosen.column("subtree_files"), chosen.column("files"))
        sizes = pc.coalesce(chosen.column("subtree_bytes"), chosen.column("bytes"))
        paths = chosen.column("path").to_pylist()
        self._now |= {
            each: (number, size)
            for each, number, size in zip(paths, files.to_pylist(), sizes.to_pylist(), strict=True)
        }

    def close(self, folder: Folder, index_id: str, crawled_at: datetime, *, compared: bool) -> File:
        """Judge the changes and put the file. `compared` is whether all changes were seen."""
        body = memoryview(self.document(index_id, crawled_at, compared=compared).to_json())
        file = folder.file(DAMAGE)
        folder.put(file, body)
        return described(file, body, rows=0, footer_offset=0)

    def document(self, index_id: str, crawled_at: datetime, *, compared: bool) -> DamageDocument:
        """Return the content of the file, as for `close`."""
        comparison, reason = None, ""
        if self._previous is None:
            reason = NO_PREVIOUS
        elif self._changes is None or not compared:
            reason = NO_RECORD if compared else NOT_COMPARED
        elif not self._previous.same_exclusions:
            reason = OTHER_EXCLUSIONS
        else:
            comparison = self._comparison(index_id, self._previous.index_id, crawled_at)
        return next_document(
            index_id,
            self._before,
            comparison,
            [name for name, _ in self._extensions.most_common(MOST_EXTENSIONS)],
            self._settings,
            accepted_until=self._accepted_until,
            reason=reason,
        )

    def _comparison(self, index_id: str, previous_index_id: str, crawled_at: datetime) -> Comparison:
        assert self._changes is not None  # noqa: S101 - checked by the only caller
        return Comparison(
            index_id=index_id,
            previous_index_id=previous_index_id,
            crawled_at=crawled_at,
            suspicious=False,
            scopes={path: self._scope(path, counts) for path, counts in self._subtrees.items()},
            limits=self._limits,
            extensions=tuple(self._changes.extensions.most_common(16)),
        )

    def _scope(self, path: str, counts: Counts) -> Scope:
        files, size = self._now.get(path, (0, 0))
        gone = counts.replaced + counts.deleted + counts.moved
        gone_bytes = counts.replaced_bytes + counts.lost_bytes + counts.moved_bytes
        return Scope(
            files=max(0, files - counts.added + gone),
            files_after=files,
            bytes=max(0, size - counts.gained_bytes + gone_bytes),
            counts=counts,
        )


def _document_or_none(store: Store, manifest: Manifest) -> DamageDocument | None:
    """Return the record of the previous index; None if it has none, or a damaged one."""
    try:
        return read_damage(store, manifest)
    except IndexDamaged:
        return None
