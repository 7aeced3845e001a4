"""The differences between two indexes, and their weight in each directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
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
MOST_RENAMES = 50_000  # changes among which renames are detected; more would need much memory
MOST_BRANCHES = 500
_KEPT_BRANCHES = 20_000  # of one directory; the sums of others are in the totals only


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


@dataclass(slots=True, kw_only=True)
class Branch:
    """The changes of one entry of a directory, and of everything below it."""

    name: str
    change: Change | None = None  # of the entry itself
    below: DirectoryChanges

    @property
    def weight(self) -> tuple[int, int]:
        """Sorts branches: by the bytes that were added or removed, then by the number of changes."""
        return self.below.bytes_added + self.below.bytes_removed, number_of(self.below)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTree:
    """The differences below a directory, summed for each of its entries."""

    branches: Sequence[Branch]  # heaviest first
    omitted: int  # entries with changes that are not among `branches`
    totals: DirectoryChanges
    renames_detected: bool  # otherwise, a rename counts as one removal and one addition


def change_tree(
    store: Store, before: Manifest, after: Manifest, below: str, *, most: int = MOST_BRANCHES
) -> ChangeTree:
    """Return the differences below a directory, for at most `most` of its entries.

    Uses memory for MOST_RENAMES changes at a time, whatever their number. Raises as `compare` does.
    """
    from tidemark.index.query.diff import DirectoryChanges, diff
    from tidemark.index.query.renames import with_renames

    _check_different(store, before, after)
    prefix = "/" if below == "/" else f"{below}/"
    changes = diff(store, before, after, under=below)
    first = list(islice(changes, MOST_RENAMES))
    rest = next(changes, None)
    renames_detected = rest is None and whose(before) == whose(after)
    counted = with_renames(first) if renames_detected else chain(first, [rest] if rest else [], changes)
    totals, branches, omitted = DirectoryChanges(), dict[str, Branch](), 0
    for change in counted:
        totals.add(change)
        name = change.entry.path.removeprefix(prefix).partition("/")[0]
        branch = branches.get(name)
        if branch is None:
            if len(branches) >= _KEPT_BRANCHES:
                omitted += 1
                continue
            branch = branches[name] = Branch(name=name, below=DirectoryChanges())
        branch.below.add(change)
        if change.entry.path == prefix + name:
            branch.change = change
    if not branches and below != "/":
        _check_directory(store, before, after, below)
    ranked = sorted(branches.values(), key=lambda each: each.name)
    ranked.sort(key=lambda each: each.weight, reverse=True)
    return ChangeTree(
        branches=ranked[:most],
        omitted=omitted + len(ranked[most:]),
        totals=totals,
        renames_detected=renames_detected,
    )


def compare(store: Store, before: Manifest, after: Manifest, below: str) -> Comparison:
    """Return the differences below a directory. Raises PathNotFound if neither index has the directory."""
    from tidemark.index.query.diff import by_directory, diff
    from tidemark.index.query.renames import with_renames

    _check_different(store, before, after)
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


def _check_different(store: Store, before: Manifest, after: Manifest) -> None:
    if before.index_id == after.index_id:
        raise InvalidRequest(
            f"A and B are both index {before.index_id}; name two, from: "
            f"tidemark index list --repository {store.url}"
        )


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
