"""Renames between two indexes, detected by inode."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tidemark.index.format.entry import Entry
from tidemark.index.query.diff import Change


def with_renames(changes: Iterable[Change]) -> list[Change]:
    """Return the changes with pairs of removed and added entries of one inode merged into renames.

    An index contains inodes of directories and of files with several names. Entries below a renamed directory
    move with it: an otherwise unchanged one is counted in the directory's `entries`; any other is a change
    with its earlier path in `before`.
    """
    every = list(changes)
    renamed = _of_one_inode(every)
    if not renamed:
        return every
    removed = {change.entry.path: change.entry for change in every if change.kind == "removed"}
    added = {change.entry.path: change.entry for change in every if change.kind == "added"}
    origins = {after: before for before, after in renamed.items()}
    moved = _moved_directories(renamed, removed)
    along: Counter[str] = Counter()  # moved entries by the earlier path of their renamed directory
    gone = set(renamed)
    left_out: set[str] = set()
    now: dict[str, Change] = {}
    for before, entry in removed.items() if moved else ():
        directory = _above(entry.parent, moved)
        if directory is None or before in moved:
            continue
        after = _moved(before, directory, moved)
        if after not in added or (renamed.get(before, after), origins.get(after, before)) != (after, before):
            continue
        if dataclasses.replace(entry, parent=added[after].parent) == added[after]:
            along[directory] += 1
            left_out.add(after)
        elif entry.type == added[after].type:
            now[after] = Change(kind="changed", entry=added[after], before=before)
        else:
            continue
        renamed.pop(before, None)
        gone.add(before)
    for before, after in renamed.items():
        entries = along[before] if before in moved else None
        now[after] = Change(kind="renamed", entry=added[after], before=before, entries=entries)
    return [
        now.get(change.entry.path, change)
        for change in every
        if change.entry.path not in left_out and not (change.kind == "removed" and change.entry.path in gone)
    ]


def _of_one_inode(changes: Sequence[Change]) -> dict[str, str]:
    """Return the earlier and new paths of inodes with exactly one removed and one added name."""
    before, after = (
        _by_inode(change.entry for change in changes if change.kind == kind) for kind in ("removed", "added")
    )
    return {
        paths[0]: after[inode][0]
        for inode, paths in before.items()
        if len(paths) == len(after.get(inode, ())) == 1
    }


def _by_inode(entries: Iterable[Entry]) -> dict[tuple[int, str], list[str]]:
    found: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for entry in entries:
        if entry.inode is not None:
            found[entry.inode, entry.type].append(entry.path)
    return found


def _moved_directories(renamed: Mapping[str, str], removed: Mapping[str, Entry]) -> dict[str, str]:
    """Return the renamed directories that did not only move with a renamed parent."""
    moved: dict[str, str] = {}
    for before in sorted(renamed, key=lambda path: path.count("/")):
        if removed[before].type == "d":
            directory = _above(removed[before].parent, moved)
            if directory is None or _moved(before, directory, moved) != renamed[before]:
                moved[before] = renamed[before]
    return moved


def _above(parent: str, moved: Mapping[str, str]) -> str | None:
    """Return the nearest moved directory that is or contains a path's `parent`."""
    path = parent.rstrip("/")
    while path and path not in moved:
        path = path.rpartition("/")[0]
    return path or None


def _moved(path: str, directory: str, moved: Mapping[str, str]) -> str:
    return moved[directory] + path.removeprefix(directory)
