"""The differences between two indexes, and their weight in each directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark.answers.indexes import whose
from tidemark.answers.requests import InvalidRequest
from tidemark.answers.text import visible
from tidemark.errors import PathNotFound
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.query.diff import Change, DirectoryChanges

NUMBERS = ("added", "removed", "changed", "renamed", "unreadable")
SIZES = ("bytes_added", "bytes_removed")
COUNTS = (*NUMBERS, *SIZES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The differences of index `after` from index `before`."""

    before: Manifest
    after: Manifest
    changes: Sequence[Change]  # sorted by directory and name
    directories: Sequence[tuple[str, DirectoryChanges]]  # most changes directly in them first
    totals: Mapping[str, int]  # by each of COUNTS

    @property
    def one_file_system(self) -> bool:
        """Whether both indexes are of one file system; otherwise renames cannot be detected."""
        return whose(self.before) == whose(self.after)


def compare(store: Store, before: Manifest, after: Manifest, below: str) -> Comparison:
    """Return the differences below a directory. Raises PathNotFound if neither index has the directory."""
    from tidemark.index.query.diff import by_directory, diff
    from tidemark.index.query.renames import with_renames

    if before.index_id == after.index_id:
        raise InvalidRequest(
            f"A and B are both index {before.index_id}; name two, from: "
            f"tidemark index list --repository {store.url}"
        )
    changes = list(diff(store, before, after, under=below))
    if whose(before) == whose(after):  # inodes of different file systems are not comparable
        changes = with_renames(changes)
    if not changes and below != "/":
        _check_directory(store, before, after, below)
    directories = by_directory(changes)
    return Comparison(
        before=before,
        after=after,
        changes=changes,
        directories=sorted(directories.items(), key=lambda each: (-number_of(each[1]), each[0])),
        totals={name: sum(getattr(each, name) for each in directories.values()) for name in COUNTS},
    )


def number_of(directory: DirectoryChanges) -> int:
    """Return the number of changes directly in a directory."""
    return sum(getattr(directory, name) for name in NUMBERS)


def _check_directory(store: Store, before: Manifest, after: Manifest, below: str) -> None:
    """Raise PathNotFound unless `below` is a directory in one of the indexes."""
    from tidemark.index.query.browse import find_entry

    for index in (before, after):
        found = find_entry(store, index, below)
        if found is not None and found.type == "d":
            return
    raise PathNotFound(
        f"{visible(below)} is not a directory in either index; list the directories with: "
        f"tidemark ls {after.index_id}:/ --repository {store.url}"
    )
