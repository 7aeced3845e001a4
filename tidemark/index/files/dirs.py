"""dirs.parquet: totals in and below every directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.files.parquet_writer import SideFileWriter
from tidemark.index.format.manifest import File
from tidemark.index.format.schema import TIME
from tidemark.index.rows.external_sort import Sorter, trimmed
from tidemark.index.rows.wide_sums import WIDE, clamped, fits, summable
from tidemark.index.storage.attempt_folder import Folder

DIRS = "dirs.parquet"
DIRS_SCHEMA = pa.schema(
    [
        pa.field("parent", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("entries", pa.int64(), nullable=False),
        pa.field("files", pa.int64(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("subtree_entries", pa.int64()),
        pa.field("subtree_files", pa.int64()),
        pa.field("subtree_bytes", pa.int64()),
        pa.field("subtree_mtime", TIME),
        # Sums that do not fit into 64 bits, for which the columns above are clamped; otherwise null.
        pa.field("bytes_wide", WIDE),
        pa.field("subtree_bytes_wide", WIDE),
    ]
)
WIDE_COLUMNS = ("bytes_wide", "subtree_bytes_wide")  # missing in the first indexes
FIRST_SCHEMA = pa.schema([field for field in DIRS_SCHEMA if field.name not in WIDE_COLUMNS])
SUMS = ("entries", "files", "bytes")  # directly in it; with `subtree_`, of all below, null if the same
_ROW_GROUP_ROWS = 16_384
_PAGE_BYTES = 1 << 20  # row groups are read whole
_LEVEL = 6  # zstd level: 1/15 smaller than level 3, for twice the time, which is little here
_RUN_ROWS = 1 << 16  # small, because each row has a long path
_MARK = (
    "\0"  # behind a directory's name, for the row that stands in where the directory turns out to be empty
)
_NUMBERS = [name for name in FIRST_SCHEMA.names if name not in ("parent", "name")]


# A directory whose subtree is being read: its path; entries, files, bytes directly in it; the same for the
# subtree so far; the newest time. A list, because there are millions.
_Open = list[Any]


class DirsBuilder:
    """Computes the totals of directories from a stream of sorted rows.

    In sorted rows, a directory's subtree follows it without a gap, so memory holds only a stack of open
    directories. A directory is finished after those below it, which sort after it, so the result is sorted
    again, through scratch if it is large.
    """

    def __init__(self, scratch: Path, watch: Callable[[pa.Table], None] = lambda _rows: None) -> None:
        self._watch = watch  # receives the file's rows, when it is written
        self._sorter = Sorter(scratch, run_rows=_RUN_ROWS)
        self._stack: list[_Open] = []
        self._done: list[tuple[str, str, int, int, int, int, int, int, int | None]] = []

    def add(self, rows: pa.Table) -> None:
        """Add a row group, `trimmed`."""
        parent = rows.column("parent").chunk(0)
        kind = rows.column("type")
        is_file = pc.equal(kind, "f")
        sums = (
            pa.table(
                {
                    "code": parent.indices,
                    "files": is_file.cast(pa.int64()),
                    "bytes": summable(pc.if_else(is_file, rows.column("size"), 0)),
                    "mtime": rows.column("mtime").cast(pa.int64()),
                }
            )
            .group_by("code", use_threads=False)
            .aggregate([("files", "count"), ("files", "sum"), ("bytes", "sum"), ("mtime", "max")])
        )
        self._add_empty(rows, parent, kind)
        names = parent.dictionary.to_pylist()
        columns = ("code", "files_count", "files_sum", "bytes_sum", "mtime_max")
        for code, *values in zip(*(sums.column(name).to_pylist() for name in columns), strict=True):
            self._enter(names[code], *map(int, values))

    def close(self, folder: Folder) -> File:
        """Put the file."""
        while self._stack:
            self._leave()
        self._flush()
        dictionary_columns = ["parent", "entries", "files"]
        writer = SideFileWriter(
            DIRS,
            DIRS_SCHEMA,
            dictionary_columns=dictionary_columns,
            page_bytes=_PAGE_BYTES,
            level=_LEVEL,
        )
        waiting: list[pa.Table] = []
        for table in _without_stand_ins(self._sorter.sorted()):
            self._watch(table)
            waiting.append(table)
            if sum(map(len, waiting)) >= _ROW_GROUP_ROWS:
                whole = pa.concat_tables(waiting)
                end = len(whole) - len(whole) % _ROW_GROUP_ROWS
                for start in range(0, end, _ROW_GROUP_ROWS):
                    writer.write(whole.slice(start, _ROW_GROUP_ROWS))
                waiting = [whole.slice(end)]
        self._sorter.close()
        if waiting:
            writer.write(pa.concat_tables(waiting))
        return writer.close(folder)

    def _add_empty(self, rows: pa.Table, parent: pa.DictionaryArray, kind: pa.ChunkedArray) -> None:
        below = pa.table({"parent": parent.indices, "name": rows.column("name")}).filter(pc.equal(kind, "d"))
        if len(below):
            name = pc.binary_join_element_wise(below.column("name"), _MARK, "")
            columns = {"parent": below.column("parent").combine_chunks(), "name": name.combine_chunks()}
            none = pa.nulls(len(below), pa.int64())
            numbers = {column: none.fill_null(0) if column in SUMS else none for column in _NUMBERS}
            wide = dict.fromkeys(WIDE_COLUMNS, pa.nulls(len(below), WIDE))
            rows = pa.table({**columns, **numbers, **wide})
            self._sorter.add(rows.to_batches()[0], parent.dictionary)

    def _enter(self, path: str, entries: int, files: int, size: int, mtime: int) -> None:
        stack = self._stack
        while stack and not path.startswith(stack[-1][0]):
            self._leave()
        if stack and stack[-1][0] == path:  # its rows continue in another row group
            top = stack[-1]
            top[1] += entries
            top[2] += files
            top[3] += size
            top[7] = max(top[7], mtime)
        else:
            stack.append([path, entries, files, size, 0, 0, 0, mtime])

    def _leave(self) -> None:
        done = self._stack.pop()
        path, entries, files, size, entries_below, files_below, bytes_below, mtime = done
        entries_below += entries
        files_below += files
        bytes_below += size
        if self._stack:
            above = self._stack[-1]
            above[4] += entries_below
            above[5] += files_below
            above[6] += bytes_below
            if mtime > above[7]:
                above[7] = mtime
        self._done.append(
            (*split(path), entries, files, size, entries_below, files_below, bytes_below, mtime)
        )
        if len(self._done) >= _ROW_GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self._done:
            return
        parents, names, *numbers = zip(*self._done, strict=True)
        code = pa.array(range(len(parents)), pa.int32())
        columns = {
            name: pa.array(map(clamped, values), pa.int64())
            for name, values in zip(_NUMBERS, numbers, strict=True)
        }
        for name in WIDE_COLUMNS:
            values = numbers[_NUMBERS.index(name.removesuffix("_wide"))]
            columns[name] = pa.array((None if fits(each) else Decimal(each) for each in values), WIDE)
        for name in SUMS:
            below = columns[f"subtree_{name}"]
            more = pc.not_equal(below, columns[name])
            columns[f"subtree_{name}"] = pc.if_else(more, below, pa.scalar(None, pa.int64()))
        batch = pa.RecordBatch.from_pydict({"parent": code, "name": pa.array(names), **columns})
        self._sorter.add(batch, pa.array(parents, pa.string()))
        self._done = []


def split(path: str) -> tuple[str, str]:
    """Return (parent, name) of a directory's path, which ends with a slash; for the root, ("", "")."""
    if path == "/":
        return "", ""
    cut = path.rindex("/", 0, -1) + 1
    return path[:cut], path[cut:-1]


def _without_stand_ins(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Drop the placeholders of directories that have their own row, and unmark the others."""
    last: tuple[str, str] = ("", "")
    for table in tables:
        table = trimmed(table)
        name = table.column("name").combine_chunks()
        plain = pc.replace_substring(name, _MARK, "")
        code = table.column("parent").chunk(0).indices
        before = pa.concat_arrays([pa.array([""]), plain[:-1]])
        same = pc.and_(
            pc.equal(plain, before), pc.equal(code, pa.concat_arrays([pa.array([-1], code.type), code[:-1]]))
        )
        first = (table.column("parent")[0].as_py(), plain[0].as_py())
        same = pa.concat_arrays([pa.array([first == last]), same[1:]])
        last = (table.column("parent")[len(table) - 1].as_py(), plain[-1].as_py())
        keep = pc.invert(pc.and_(pc.ends_with(name, _MARK), same))
        place = table.column_names.index("name")
        cleaned = table.set_column(place, "name", plain).filter(keep)
        parent = cleaned.column("parent").cast(pa.string())
        yield cleaned.set_column(cleaned.column_names.index("parent"), "parent", parent)
