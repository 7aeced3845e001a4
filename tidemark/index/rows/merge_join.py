"""Finds the common paths of two runs of sorted rows.

Names and their lengths are contiguous in memory, so the keys of many rows are compared in bulk. If they
differ, a binary search finds the first difference.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

_STEP = 128  # rows compared together, doubled each time that all are equal
_RUN = 64  # minimum average number of rows between differences for comparing rows in order


def common_rows(was: pa.Table, now: pa.Table) -> tuple[pa.Array | None, pa.Array | None]:
    """Return masks of the rows of two sorted tables whose path is in both; None: all rows.

    Each column is one chunk, `parent` a dictionary.
    """
    was_parent, now_parent = in_one_dictionary(was.column("parent").chunk(0), now.column("parent").chunk(0))
    was_name, now_name = was.column("name").chunk(0), now.column("name").chunk(0)
    old, new = _Keys.of(was_parent, was_name), _Keys.of(now_parent, now_name)
    if len(old) == len(new) == _equal(old, 0, new, 0):
        return None, None
    kept = _in_order(old, new, was_parent.dictionary.to_pylist())
    if kept is None:
        return _by_number(was_parent.indices, was_name, now_parent.indices, now_name)
    return _answers(kept[0]), _answers(kept[1])


def in_one_dictionary(some: pa.Array, others: pa.Array) -> tuple[pa.DictionaryArray, pa.DictionaryArray]:
    """Return arrays of texts with one shared dictionary without duplicates."""
    some, others = some.dictionary_encode(), others.dictionary_encode()
    if not some.dictionary.equals(others.dictionary):
        some, others = pa.chunked_array([some, others]).unify_dictionaries().chunks
    return some, others


@dataclasses.dataclass(frozen=True, slots=True)
class _Keys:
    """Views of the keys of sorted rows."""

    parents: memoryview  # the number of each row's parent
    lengths: memoryview  # the lengths of the names
    letters: bytes
    begins: memoryview  # the offset of each name in `letters`, and the end of the last one

    @classmethod
    def of(cls, parent: pa.DictionaryArray, name: pa.Array) -> Self:
        rows = len(name)
        _, offsets, letters = name.buffers()
        ends = pa.Array.from_buffers(pa.int32(), rows + 1, [None, offsets], offset=name.offset)
        first, last = ends[0].as_py(), ends[rows].as_py()
        return cls(
            _numbers(parent.indices),
            _numbers(pc.subtract(ends[1:], ends[:-1])),
            letters[first:last].to_pybytes() if letters else b"",
            _numbers(pc.subtract(ends, ends[0])),
        )

    def __len__(self) -> int:
        return len(self.parents)

    def key(self, row: int, paths: list[str]) -> tuple[str, bytes]:
        """Return the sort key of a row."""
        return paths[self.parents[row]], self.letters[self.begins[row] : self.begins[row + 1]]


def _in_order(old: _Keys, new: _Keys, paths: list[str]) -> tuple[bytearray, bytearray] | None:
    """Return a byte for each row, 1 if its path is in both; None if too few are common for this method."""
    kept = bytearray(len(old)), bytearray(len(new))
    was_at = now_at = 0
    runs_left = (len(old) + len(new)) // _RUN
    while was_at < len(old) and now_at < len(new):
        equal = _equal(old, was_at, new, now_at)
        kept[0][was_at : was_at + equal] = kept[1][now_at : now_at + equal] = b"\1" * equal
        was_at, now_at = was_at + equal, now_at + equal
        if was_at < len(old) and now_at < len(new):
            # One of the two has additional rows, up to the other's current key.
            was_key, now_key = old.key(was_at, paths), new.key(now_at, paths)
            if was_key < now_key:
                was_at = _first_from(now_key, old, was_at, paths)
            else:
                now_at = _first_from(was_key, new, now_at, paths)
            if (runs_left := runs_left - 1) < 0:
                return None
    return kept


def _equal(old: _Keys, was_at: int, new: _Keys, now_at: int) -> int:
    """Return the number of keys before the first difference."""
    most = min(len(old) - was_at, len(new) - now_at)
    # The letters nearly always suffice, but those of `ab` and `c` equal those of `a` and `bc`.
    equal = _same_letters(old, was_at, new, now_at, most)
    equal = _same_numbers(old.lengths[was_at : was_at + equal], new.lengths[now_at : now_at + equal])
    return _same_numbers(old.parents[was_at : was_at + equal], new.parents[now_at : now_at + equal])


def _same_letters(old: _Keys, was_at: int, new: _Keys, now_at: int, most: int) -> int:
    """Return the number of concatenated names before the first difference in letters."""
    was_letters, was_begins, now_letters, now_begins = old.letters, old.begins, new.letters, new.begins
    was_from, now_from = was_begins[was_at], now_begins[now_at]
    found, step = 0, min(_STEP, most)
    unequal = 0  # rows from `found` on, of which one has others, once such are found
    while step:
        was_to, now_to = was_begins[was_at + found + step], now_begins[now_at + found + step]
        if was_letters[was_from:was_to] == now_letters[now_from:now_to]:
            found += step
            was_from, now_from = was_to, now_to
            if not unequal:
                step = min(2 * step, most - found)
                continue
            unequal -= step
        else:
            unequal = step
        step = unequal // 2
    return found


def _same_numbers(some: memoryview, others: memoryview) -> int:
    """Return the number of equal numbers before the first difference."""
    # Compared as bytes, because numbers would be compared one by one.
    if bytes(some) == bytes(others):
        return len(some)
    return next(number for number, (one, other) in enumerate(zip(some, others, strict=True)) if one != other)


def _first_from(key: tuple[str, bytes], keys: _Keys, start: int, paths: list[str]) -> int:
    """Return the first row after `start` whose key is not smaller. Faster for near rows."""
    step = 1
    while start + step < len(keys) and keys.key(start + step, paths) < key:
        step *= 2
    stop = min(start + step, len(keys))
    rows = range(len(keys))
    return bisect_left(rows, key, lo=start + step // 2 + 1, hi=stop, key=lambda row: keys.key(row, paths))


def _by_number(
    was_code: pa.Array, was_name: pa.Array, now_code: pa.Array, now_name: pa.Array
) -> tuple[pa.Array, pa.Array]:
    """Return the same masks by numbering all paths, for tables with few common paths."""
    low = pa.concat_arrays([was_name, now_name]).dictionary_encode().indices.cast(pa.int64())
    high = pa.concat_arrays([was_code, now_code]).cast(pa.int64())
    key = pc.bit_wise_or(pc.shift_left(high, 32), low)
    was_key, now_key = key[: len(was_code)], key[len(was_code) :]
    return pc.is_in(was_key, value_set=now_key), pc.is_in(now_key, value_set=was_key)


def _answers(kept: bytearray) -> pa.Array | None:
    if 0 not in kept:
        return None
    return pa.Array.from_buffers(pa.uint8(), len(kept), [None, pa.py_buffer(kept)]).cast(pa.bool_())


def _numbers(values: pa.Array) -> memoryview:
    """Return a view of 32-bit numbers."""
    return memoryview(values.buffers()[1]).cast("B").cast("i")[values.offset : values.offset + len(values)]
