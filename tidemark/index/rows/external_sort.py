"""Sorts more rows than fit in memory, bytewise by (parent, name).

Rows are collected into runs. A separate thread sorts each run in memory and writes it to scratch while the
next one is collected; at the end all runs are merged. A tree with only one run never uses the disk.
Directories are sorted once per run, as strings; rows are then compared by a number and a name.
"""

from __future__ import annotations

import shutil
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

RUN_ROWS = 1 << 18
_RUN_BYTES = 1 << 27  # bytes of directory paths, which would otherwise be unbounded
_SLAB_ROWS = 1 << 14
_RUNS_AT_ONCE = 48  # each holds one slab in memory while it is merged


class Sorter:
    """Accepts rows in any order and returns them sorted and without duplicates.

    A sorted table has the added columns, except that `parent` is the directory's path, as a dictionary array,
    because a directory has many rows and its path may be long.
    """

    def __init__(self, scratch: Path, *, run_rows: int = RUN_ROWS) -> None:
        self._scratch = Path(tempfile.mkdtemp(dir=scratch, prefix="tidemark-sort-"))
        self._run_rows = run_rows
        self._rows: list[pa.RecordBatch] = []
        self._directories: list[pa.Array] = []
        self._row_count = self._path_bytes = self._directory_count = self._run_number = 0
        self._levels: list[list[Path]] = [[]]  # runs; all runs of a level are merged into one of the next
        self._last: pa.Table | None = None  # the only run that is not in scratch, after `sorted` has begun
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sort")
        self._spilling: Future[None] | None = None

    def add(self, rows: pa.RecordBatch, directories: pa.Array) -> None:
        """Add rows whose `parent` is an index into `directories`, which may contain duplicates."""
        parent = pc.add(rows.column("parent"), pa.scalar(self._directory_count, pa.int32()))
        self._rows.append(rows.set_column(rows.schema.get_field_index("parent"), "parent", parent))
        self._directories.append(directories)
        self._directory_count += len(directories)
        self._row_count += len(rows)
        self._path_bytes += directories.nbytes
        if self._row_count >= self._run_rows or self._path_bytes > _RUN_BYTES:
            self._spill()

    def sorted(self) -> Iterator[pa.Table]:
        """Return every row once, in order, in tables of any size. Call this once.

        `runs` works until `close`, even after the last row, because a caller may stop while writing it.
        """
        runs = [_read(path) for path in self._written()]
        if self._rows:
            self._last = sort_table(*self._taken())
            runs.append(_slabs(self._last) if runs else iter([self._last]))
        yield from without_repetitions(merge(runs))

    def runs(self) -> list[Path]:
        """Write newly added rows to scratch; return the files that contain all rows so far."""
        if self._rows:
            self._spill()
        if self._last is not None:
            self._levels[0].append(self._write(_slabs(self._last)))
            self._last = None
        return self._written()

    def adopt(self, body: bytes) -> Path:
        """Add a file of `runs` that an earlier sorter wrote; return its new path."""
        path = self._new_path()
        path.write_bytes(body)
        self._levels[0].append(path)
        return path

    def close(self) -> None:
        """Remove the files in scratch."""
        self._thread.shutdown()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _taken(self) -> tuple[pa.Table, pa.Array]:
        taken = pa.Table.from_batches(self._rows), pa.concat_arrays(self._directories)
        self._rows, self._directories = [], []
        self._row_count = self._path_bytes = self._directory_count = 0
        return taken

    def _written(self) -> list[Path]:
        """Return the runs in scratch, after the last of them is complete."""
        if self._spilling is not None:
            self._spilling.result()
            self._spilling = None
        return [path for level in self._levels for path in level]

    def _spill(self) -> None:
        self._written()
        self._spilling = self._thread.submit(self._write_run, *self._taken())

    def _write_run(self, rows: pa.Table, paths: pa.Array) -> None:
        self._levels[0].append(self._write(_slabs(sort_table(rows, paths))))
        for number, level in enumerate(self._levels):
            if len(level) < _RUNS_AT_ONCE:
                break
            if number + 1 == len(self._levels):
                self._levels.append([])
            self._levels[number + 1].append(self._write(merge([_read(path) for path in level])))
            self._levels[number] = []
            for path in level:
                path.unlink()

    def _write(self, slabs: Iterable[pa.Table]) -> Path:
        path = self._new_path()
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        writer = None
        with path.open("wb") as file:
            for slab in slabs:
                piece = trimmed(slab)
                if writer is None:
                    writer = pa.ipc.new_stream(file, piece.schema, options=options)
                writer.write_table(piece)
            if writer is not None:
                writer.close()
        return path

    def _new_path(self) -> Path:
        self._run_number += 1
        return self._scratch / f"run-{self._run_number}"


def sort_table(rows: pa.Table, paths: pa.Array, *, names_in_order: bool = False) -> pa.Table:
    """Return rows in order; their `parent` is an index into `paths`, which may contain duplicates.

    With `names_in_order`, the rows of each directory are already sorted. The sort is stable.
    """
    rank = pc.cast(pc.subtract(pc.rank(paths, tiebreaker="dense"), 1), pa.int32())
    rows = rows.combine_chunks()  # sorting and taking rows is twice as fast with one chunk
    code = rank.take(_combined(rows.column("parent")))
    if names_in_order:
        order = pc.sort_indices(code)
    else:
        keys = pa.RecordBatch.from_arrays([code, _combined(rows.column("name"))], ["parent", "name"])
        order = pc.sort_indices(keys, sort_keys=[("parent", "ascending"), ("name", "ascending")])
    parent = pa.DictionaryArray.from_arrays(code.take(order), paths.take(first_of_each(rank)))
    return rows.drop_columns(["parent"]).take(order).append_column("parent", parent)


def first_of_each(rank: pa.Array) -> pa.Array:
    """Return, for a dense rank, a position of each value."""
    order = pc.sort_indices(rank)
    in_order = rank.take(order)
    changes = pc.not_equal(in_order[1:], in_order[:-1])
    return order.filter(pa.concat_arrays([pa.array([True]), changes]))


def trimmed(slab: pa.Table) -> pa.Table:
    """Return a sorted slab as one chunk whose dictionary of parents contains only the slab's parents."""
    slab = slab.combine_chunks()
    parent = _combined(slab.column("parent"))
    if len(parent) == 0:
        return slab
    low, high = parent.indices[0].as_py(), parent.indices[-1].as_py()
    small = pa.DictionaryArray.from_arrays(
        pc.subtract(parent.indices, pa.scalar(low, pa.int32())), parent.dictionary.slice(low, high - low + 1)
    )
    return slab.set_column(slab.column_names.index("parent"), "parent", small)


class _Head:
    """The position in a run being merged: a slab, of which the rows from `start` on remain."""

    def __init__(self, slab: pa.Table, rest: Iterator[pa.Table]) -> None:
        self.slab, self.rest, self.start = slab, rest, 0
        parent = _combined(slab.column("parent"))
        self._paths, self._names = parent.dictionary, _combined(slab.column("name"))
        self._codes = _numbers(parent.indices)
        self.first, self.last = self._key(0), self._key(len(slab) - 1)

    def skip_index(self, end: int) -> pa.Table:
        """Consume and return the rows up to `end`."""
        piece = self.slab.slice(self.start, end - self.start)
        self.start = end
        if end < len(self.slab):
            self.first = self._key(end)
        return piece

    def end_of(self, limit: tuple[str, str]) -> int:
        """Return the first row with a key above a limit."""
        if limit == self.last:
            return len(self.slab)
        parent, name = limit
        code = bisect_left(self._paths, parent, key=_text)
        begin = bisect_left(self._codes, code, self.start)
        end = bisect_right(self._codes, code, begin)
        if begin == end or _text(self._paths[code]) != parent:
            return begin
        return bisect_right(self._names, name, begin, end, key=_text)

    def _key(self, row: int) -> tuple[str, str]:
        return _text(self._paths[self._codes[row]]), _text(self._names[row])


def merge(runs: Iterable[Iterator[pa.Table]]) -> Iterator[pa.Table]:
    """Return the rows of sorted runs in order."""
    heads = [head for run in runs if (head := _next_head(run))]
    while heads:
        # Up to the smallest last key of the slabs, the rows of every run are in memory.
        limit = min(head.last for head in heads)
        pieces: list[pa.Table] = []
        waiting: list[_Head] = []
        for head in heads:
            if head.first <= limit:
                pieces.append(head.skip_index(head.end_of(limit)))
            if head.start < len(head.slab):
                waiting.append(head)
            elif following := _next_head(head.rest):
                waiting.append(following)
        yield pieces[0] if len(pieces) == 1 else sort_pieces(pieces)
        heads = waiting


def without_repetitions(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Drop rows with the (parent, name) of the previous row: listing a changing directory repeats names."""
    last: tuple[str, str] | None = None
    for table in tables:
        parent, name = _combined(table.column("parent")).indices, _combined(table.column("name"))
        same = pc.and_(pc.equal(parent[1:], parent[:-1]), pc.equal(name[1:], name[:-1]))
        first_again = last is not None and _key(table, 0) == last
        last = limit_of(table)
        if first_again or pc.any(same).as_py():
            keep = pa.concat_arrays([pa.array([not first_again]), pc.invert(same)])
            table = table.filter(keep)
        if len(table):
            yield table


def sort_pieces(pieces: list[pa.Table]) -> pa.Table:
    """Return the rows of some sorted tables in order; of rows with one key, those of earlier tables first."""
    codes: list[pa.Array] = []
    paths: list[pa.Array] = []
    count = 0
    for piece in pieces:
        parent = _combined(piece.column("parent"))
        indices = parent.indices
        low, high = (indices[0].as_py(), indices[-1].as_py()) if len(indices) else (0, -1)
        codes.append(pc.add(indices, pa.scalar(count - low, pa.int32())))
        paths.append(parent.dictionary.slice(low, high - low + 1))
        count += high - low + 1
    rows = pa.concat_tables([piece.drop_columns(["parent"]) for piece in pieces])
    numbered = rows.append_column("parent", pa.chunked_array(codes))
    together = pa.concat_arrays(paths)
    # Few directories are in two pieces, usually those being listed when a run was full.
    return sort_table(numbered, together, names_in_order=pc.count_distinct(together).as_py() == count)


def limit_of(table: pa.Table) -> tuple[str, str]:
    """Return the key of a sorted table's last row."""
    return _key(table, len(table) - 1)


def rows_up_to(table: pa.Table, limit: tuple[str, str]) -> int:
    """Return the number of rows of a sorted table with keys up to a limit."""
    return _Head(table, iter(())).end_of(limit)


def _next_head(run: Iterator[pa.Table]) -> _Head | None:
    slab = next(run, None)
    return None if slab is None else _Head(slab, run)


def _key(slab: pa.Table, row: int) -> tuple[str, str]:
    return slab.column("parent")[row].as_py(), slab.column("name")[row].as_py()


def _text(value: pa.Scalar) -> str:
    text: str = value.as_py()
    return text


def _numbers(indices: pa.Array) -> memoryview:
    """Return a view of a 32-bit array's numbers."""
    return memoryview(indices.buffers()[1]).cast("i")[indices.offset : indices.offset + len(indices)]


def _combined(column: Any) -> Any:
    """Return a column's arrays combined into one."""
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column


def _slabs(table: pa.Table) -> Iterator[pa.Table]:
    return (table.slice(start, _SLAB_ROWS) for start in range(0, len(table), _SLAB_ROWS))


def _read(path: Path) -> Iterator[pa.Table]:
    # Not memory-mapped, because mapped pages count as this process's memory until they are reclaimed.
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
        for batch in stream:
            if len(batch):
                yield pa.Table.from_batches([batch])
