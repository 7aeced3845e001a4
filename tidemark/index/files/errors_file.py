"""errors.parquet: paths that the crawl could not read, or not reliably."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.crawl.batch import Problem
from tidemark.escape import escape
from tidemark.index.files.parquet_writer import SideFileWriter
from tidemark.index.files.unreadable_file import Unreadable, above
from tidemark.index.format.manifest import File, Manifest
from tidemark.index.reading.part_reader import ParquetReader
from tidemark.index.rows.arrow_batch import raw_column
from tidemark.index.storage.attempt_folder import Folder
from tidemark.index.storage.object_store import Store

ERRORS = "errors.parquet"
ERRORS_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("path_raw", pa.binary()),
        pa.field("operation", pa.string(), nullable=False),
        pa.field("errno", pa.int32(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
    ]
)
_ROW_GROUP_ROWS = 65_536


class ProblemsBuilder:
    """Collects problems and counts them by kind."""

    def __init__(self) -> None:
        self._writer = SideFileWriter(ERRORS, ERRORS_SCHEMA, dictionary_columns=["operation", "kind"])
        self._waiting: list[Problem] = []
        self.counts = {"unreadable": 0, "vanished": 0, "changed": 0}
        self._refused: list[pa.Array] = []
        self._broken_off: list[str] = []
        self._links = False

    def add(self, problems: Iterable[Problem]) -> None:
        """Add problems, in any order."""
        for problem in problems:
            self.counts[problem.kind] += 1
            self._waiting.append(problem)
        if len(self._waiting) >= _ROW_GROUP_ROWS:
            self._flush()

    def unreadable(self) -> Unreadable:
        """Return the unreadable paths among the added problems."""
        self._flush()
        self._refused = [pa.concat_arrays(self._refused)] if self._refused else []
        paths = self._refused[0] if self._refused else None
        return Unreadable(paths, self._broken_off, links=self._links)

    def close(self, folder: Folder) -> File:
        """Put the file."""
        self._flush()
        return self._writer.close(folder)

    def _flush(self) -> None:
        if not self._waiting:
            return
        path = pa.array([escape(problem.path) for problem in self._waiting], pa.string())
        rows = pa.table(
            {
                "path": path,
                "path_raw": raw_column(path),
                "operation": pa.array([problem.operation for problem in self._waiting], pa.string()),
                "errno": pa.array([problem.errno for problem in self._waiting], pa.int32()),
                "kind": pa.array([problem.kind for problem in self._waiting], pa.string()),
            }
        )
        refused, broken_off, links = _refused(rows)
        self._refused.append(refused)
        self._broken_off += broken_off
        self._links = self._links or links
        self._writer.write(rows)
        self._waiting = []


def unreadable_of(store: Store, manifest: Manifest, *, under: str = "/") -> Unreadable:
    """Return the paths that an index could not read: `under`, those below it, and its parent directories.

    Raises IndexDamaged.
    """
    below = f"{under.rstrip('/')}/"
    if below == "/":
        return _unreadable(store, manifest, lambda paths: pa.repeat(pa.scalar(True), len(paths)))
    on_the_way = _leading_to(below)
    return _unreadable(store, manifest, lambda paths: pc.or_(pc.starts_with(paths, below), on_the_way(paths)))


def unreadable_above(store: Store, manifest: Manifest, path: str) -> Unreadable:
    """Return the unreadable ones among a path and its parent directories. Raises IndexDamaged."""
    return _unreadable(store, manifest, _leading_to(path))


def _leading_to(path: str) -> Callable[[Any], Any]:
    """Return a filter for a path and its parent directories, with or without trailing slashes."""
    wanted = [form for each in (path, *above(path)) for form in (each, each.rstrip("/"))]
    return lambda paths: pc.is_in(paths, value_set=pa.array(wanted, pa.string()))


def _unreadable(store: Store, manifest: Manifest, wanted: Callable[[Any], Any]) -> Unreadable:
    """Return the `wanted` paths that an index could not read; memory holds these and one row group."""
    file = manifest.side_file(ERRORS)
    if file is None or not manifest.totals.unreadable:
        return Unreadable()
    reader = ParquetReader(store, manifest, file, ERRORS_SCHEMA)
    found = []
    for number in range(reader.row_groups):
        rows = reader.read(number, ["path", "operation", "kind"])
        found.append(_refused(rows.filter(wanted(rows.column("path")))))
    paths = pa.concat_arrays([refused for refused, _, _ in found]) if found else None
    broken_off = [path for _, each, _ in found for path in each]
    return Unreadable(paths, broken_off, links=any(links for _, _, links in found))


def _refused(rows: pa.Table) -> tuple[pa.Array, list[str], bool]:
    """Return the unreadable paths, each with a trailing slash; those of them that failed during listing;
    and whether there are unreadable links.
    """
    rows = rows.filter(pc.equal(rows.column("kind"), "unreadable"))
    is_link = pc.equal(rows.column("operation"), "readlink")
    path = pc.replace_substring_regex(rows.column("path"), "(?s)/*$", "/", max_replacements=1)
    listed = path.filter(pc.equal(rows.column("operation"), "readdir")).to_pylist()
    refused = path.filter(pc.invert(is_link)).combine_chunks()
    return refused, listed, bool(pc.any(is_link).as_py())
