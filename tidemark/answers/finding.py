"""Files found by name, in one index of each file system or in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from tidemark.answers.indexes import whose
from tidemark.answers.recovery_points_of_index import RecoveryPointsOfIndex
from tidemark.answers.text import visible
from tidemark.errors import PathNotFound
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from tidemark.index.format.entry import Entry
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.reading.filters import Filters
    from tidemark.index.reading.pattern import Mode
    from tidemark.sessions.session import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to search for: a pattern for names, and the conditions that an entry must meet."""

    pattern: str
    mode: Mode = "auto"
    ignore_case: bool = False
    filters: Filters


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A path that matches."""

    entry: Entry  # as the newest of the indexes has it
    held_by: tuple[Manifest, ...]  # oldest first

    @property
    def manifest(self) -> Manifest:
        """The newest index that holds it."""
        return self.held_by[-1]


def find(store: Store, manifests: Sequence[Manifest], question: Question) -> Iterator[Found]:
    """Yield the matches in each index, one index after the other."""
    from tidemark.index.query.search import search

    for manifest in manifests:
        for entry in search(
            store,
            manifest,
            question.pattern,
            mode=question.mode,
            ignore_case=question.ignore_case,
            filters=question.filters,
        ):
            yield Found(entry=entry, held_by=(manifest,))


def find_in_all(store: Store, manifests: Sequence[Manifest], question: Question) -> Iterator[Found]:
    """Yield each path that matches in any index, once for each file system.

    The indexes of a file system follow each other, oldest first, as `every_index` returns them.
    """
    from tidemark.index.query.history import search_all

    for _, group in groupby(manifests, key=whose):
        for hit in search_all(
            store,
            list(group),
            question.pattern,
            mode=question.mode,
            ignore_case=question.ignore_case,
            filters=question.filters,
        ):
            yield Found(entry=hit.entry, held_by=hit.indexes)


def first_and_last_point(
    found: Found, index_points: RecoveryPointsOfIndex
) -> tuple[tuple[Manifest, Point], tuple[Manifest, Point]] | None:
    """Return the first and the last known recovery point that hold a path, each with its index."""
    points = [(manifest, index_points.of(manifest.identity)) for manifest in found.held_by]
    known = [(manifest, of_index) for manifest, of_index in points if of_index]
    if not known:
        return None
    backups = [point for point in known[-1][1] if point.kind == "backup"] or known[-1][1]
    return (known[0][0], known[0][1][0]), (known[-1][0], backups[-1])


def check_under(store: Store, manifests: Sequence[Manifest], under: str | None) -> None:
    """Raise PathNotFound unless one of the indexes contains the directory `under`."""
    from tidemark.index.query.usage import directory_totals

    if under is None or not under.strip("/"):
        return
    directory = f"/{under.strip('/')}"
    for manifest in manifests:
        try:
            if manifest.parts:  # an empty index has no directories
                directory_totals(store, manifest, directory)
                return
        except PathNotFound:
            continue
    where = f"index {manifests[0].index_id}" if len(manifests) == 1 else f"any of {len(manifests)} indexes"
    raise PathNotFound(
        f"{visible(directory)} is not a directory in {where}; list the directories with: "
        f"tidemark ls {manifests[-1].index_id}:/ --repository {store.url}"
    )
