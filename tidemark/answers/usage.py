"""Where the bytes of an index are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from tidemark.answers.text import visible
from tidemark.errors import PathNotFound
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from tidemark.index.format.entry import Entry
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.query.usage import DirectoryTotals


class By(StrEnum):
    """What the rows of a summary stand for."""

    DIR = "dir"
    EXT = "ext"
    OWNER = "owner"
    AGE = "age"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The files and bytes of one key. The key is empty for files directly in the directory."""

    key: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The summary of everything below a directory."""

    files: int = 0
    bytes: int = 0
    index_bytes_each_name: int = 0
    index_bytes_once: int = 0
    rows: Sequence[Row] = ()
    largest_files: Sequence[Entry] = ()
    largest_directories: Sequence[DirectoryTotals] = ()


def summary_of(
    store: Store, manifest: Manifest, below: str, by: By, *, largest: int, now: datetime
) -> Summary:
    """Return the summary of a directory with its `largest` files and directories; raise PathNotFound.

    Ages are relative to `now`.
    """
    from tidemark.index.query.usage import directory_totals, largest_directories, largest_files

    if not manifest.parts:  # an empty index has no directories, not even the root
        return Summary()
    try:
        totals = directory_totals(store, manifest, below)
    except PathNotFound as error:
        raise PathNotFound(visible(str(error))) from error  # the path may hold line ends
    whole = totals if below == "/" else directory_totals(store, manifest, "/")
    own = Row(key="", files=totals.files, bytes=totals.bytes)
    if by is By.DIR:
        found = directories_in(store, manifest, below) + [own] * (own.files > 0)
        rows = sorted(found, key=lambda row: (-row.bytes, row.key))
    else:
        rows = _by(store, manifest, below, by, now)
    wanted = largest and rows
    return Summary(
        files=totals.subtree_files,
        bytes=totals.subtree_bytes,
        index_bytes_each_name=whole.subtree_bytes,
        index_bytes_once=manifest.totals.bytes,
        rows=rows,
        largest_files=largest_files(store, manifest, under=below, limit=largest) if wanted else (),
        largest_directories=largest_directories(store, manifest, under=below, limit=largest)
        if wanted
        else (),
    )


def directories_in(store: Store, manifest: Manifest, path: str) -> list[Row]:
    """Return the directories directly in a directory, each with everything below it, by name."""
    from tidemark.index.query.usage import totals_of_subdirectories

    return [
        Row(key=each.name, files=each.subtree_files, bytes=each.subtree_bytes)
        for each in totals_of_subdirectories(store, manifest, path)
    ]


def _by(store: Store, manifest: Manifest, below: str, by: By, now: datetime) -> list[Row]:
    from tidemark.index.query.usage import usage_by
    from tidemark.index.reading.filters import Filters

    kind = {By.EXT: "ext", By.OWNER: "owner", By.AGE: "age"}[by]
    found = usage_by(
        store,
        manifest,
        kind,  # type: ignore[arg-type]  # one of its three values, see the line above
        now=now,
        filters=Filters(under=below),
    )
    return [Row(key=each.key, files=each.files, bytes=each.bytes) for each in found]


def label_of(key: str, by: By) -> str:
    """Return the key of a row for people."""
    if by is By.DIR:
        return f"{key}/" if key else "(files directly here)"
    if by is By.EXT:
        return f".{key}" if key else "(none)"
    if by is By.AGE and key != "older":
        return f"younger than {key}"
    return key
