"""trigrams.bin: which blocks of rows have names that hold three given bytes in a row.

The layout is in docs/index-format.md. Names are taken in lower case, so that one file serves searches that
mind case and searches that do not; what it says is where to look, and the names themselves decide.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.errors import IndexDamaged
from tidemark.index.files import described
from tidemark.index.manifest import File, Manifest
from tidemark.index.ranges import damaged, read_end, read_range
from tidemark.index.store import Store

TRIGRAMS = "trigrams.bin"
BLOCK_ROWS = 4096

_MAGIC = b"TMTRIG01"
_TABLE = struct.Struct("<8sIII")  # magic, rows in a block, blocks, buckets
_BUCKET = struct.Struct("<II")  # bytes in the file, CRC-32 of them
_HEAD = struct.Struct("<III")  # bytes unpacked, trigrams, postings
_MOST_BUCKETS = 4096
_POSTINGS_A_BUCKET = 4096
_RUN_POSTINGS = 1 << 20
_HASH = 2654435761  # Knuth's multiplier: text is crowded into few letters, and buckets must be even
_AT_ONCE = 8
_MOST_ASKED = 12  # trigrams of one search: more only cost requests

_NO_NAME = pa.array([""])  # behind the last name, so that it too is followed by a NUL
_CODEC = pa.Codec("zstd", compression_level=3)


def _int32(number: int) -> pa.Scalar:
    """Return a number to reckon with; with Python's own, columns would be widened to 64 bits."""
    return pa.scalar(number, pa.int32())


_NUL, _SIXTEEN, _TWELVE, _LETTERS, _HALF = map(_int32, (0, 16, 12, 0xFFFFFF, 0xFFF))


class TrigramsBuilder:
    """Gathers trigrams while sorted rows stream by, through scratch where they are many."""

    def __init__(self, scratch: Path, *, block_rows: int = BLOCK_ROWS) -> None:
        self._scratch, self._block_rows = scratch, block_rows
        self._waiting_names: list[pa.Array] = []
        self._waiting = 0
        self._blocks = self._rows = self._postings = 0
        self._trigrams: list[pa.Array] = []
        self._of_block: list[pa.Array] = []
        self._runs: list[_Run] = []

    def add(self, rows: pa.Table) -> None:
        """Add a row group."""
        names = rows.column("name").combine_chunks()
        self._rows += len(names)
        start = 0
        while self._waiting + len(names) - start >= self._block_rows:
            end = start + self._block_rows - self._waiting
            self._add_block([*self._waiting_names, names.slice(start, end - start)])
            self._waiting_names, self._waiting, start = [], 0, end
        if start < len(names):
            self._waiting_names.append(names.slice(start))
            self._waiting += len(names) - start

    def close(self, store: Store, prefix: str) -> File:
        """Put the file."""
        if self._waiting_names:
            self._add_block(self._waiting_names)
        self._end_run()
        buckets = 1
        while buckets < _MOST_BUCKETS and buckets * _POSTINGS_A_BUCKET < self._postings:
            buckets *= 2
        packed = (
            [_pack(_bucket(self._runs, number, buckets)) for number in range(buckets)]
            if self._runs
            else [b""]
        )
        table = _TABLE.pack(_MAGIC, self._block_rows, self._blocks, buckets) + b"".join(
            _BUCKET.pack(len(body), zlib.crc32(body)) for body in packed
        )
        body = b"".join(packed)
        store.put(prefix + TRIGRAMS, body + table)
        return described(TRIGRAMS, memoryview(body + table), rows=self._rows, footer_offset=len(body))

    def _add_block(self, names: list[pa.Array]) -> None:
        found = trigrams_of(names)
        self._trigrams.append(found)
        self._of_block.append(pa.repeat(pa.scalar(self._blocks, pa.int32()), len(found)))
        self._blocks += 1
        self._postings += len(found)
        if sum(map(len, self._trigrams)) >= _RUN_POSTINGS:
            self._end_run()

    def _end_run(self) -> None:
        if not self._trigrams:
            return
        trigrams, blocks = pa.concat_arrays(self._trigrams), pa.concat_arrays(self._of_block)
        self._runs.append(_Run(trigrams, blocks, self._scratch))
        self._trigrams, self._of_block = [], []


def trigrams_of(names: list[pa.Array]) -> pa.Array:
    """Return the distinct trigrams of some names in lower case, as numbers of 24 bits."""
    text = pc.utf8_lower(pa.concat_arrays([*names, _NO_NAME]))
    letters = pc.binary_join(pa.ListArray.from_arrays([0, len(text)], text), "\0").buffers()[2]
    # Every three bytes are the low ones of a number of four: the numbers that lie at 0, 4, 8, at 1, 5, 9, ...
    fours = [
        pa.Array.from_buffers(pa.int32(), max(letters.size - start, 0) // 4, [None, letters.slice(start)])
        for start in range(min(4, letters.size + 1))
    ]
    found = pc.unique(pc.bit_wise_and(pa.chunked_array(fours, pa.int32()), _LETTERS))
    first, second, third = (pc.bit_wise_and(found, _int32(0xFF << shift)) for shift in (0, 8, 16))
    named = [pc.not_equal(letter, _NUL) for letter in (first, second, third)]  # no NUL: all three of one name
    high_first = pc.bit_wise_or(
        pc.bit_wise_or(pc.shift_left(first, _SIXTEEN), second), pc.shift_right(third, _SIXTEEN)
    )
    return high_first.filter(pc.and_(pc.and_(named[0], named[1]), named[2]))


class Trigrams:
    """The file, open: its table is read and checked."""

    def __init__(self, store: Store, manifest: Manifest, file: File) -> None:
        self._store, self._manifest, self._file = store, manifest, file
        table, _ = read_end(store, manifest, file)
        magic, self.block_rows, self.blocks, buckets = _TABLE.unpack_from(table.ljust(_TABLE.size))
        if (
            magic != _MAGIC
            or len(table) != _TABLE.size + buckets * _BUCKET.size
            or not buckets
            or not self.block_rows
        ):
            raise self._damaged()
        self._buckets = [_BUCKET.unpack_from(table, _TABLE.size + n * _BUCKET.size) for n in range(buckets)]
        self._offsets = [0]
        for length, _ in self._buckets:
            self._offsets.append(self._offsets[-1] + length)

    def blocks_of(self, pieces: Iterable[str]) -> list[int] | None:
        """Return the blocks whose names may hold all these texts, ascending; None if they are too short."""
        wanted: set[int] = set()
        for piece in pieces:
            wanted |= set(trigrams_of([pa.array([piece], pa.string())]).to_pylist())
        if not wanted:
            return None
        step = -(-len(wanted) // _MOST_ASKED)
        asked = sorted(wanted)[::step]
        numbers = sorted({self._number(trigram) for trigram in asked})
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            buckets = dict(zip(numbers, pool.map(self._bucket, numbers), strict=True))
        found: set[int] | None = None
        for trigram in asked:
            blocks = buckets[self._number(trigram)].get(trigram, frozenset())
            found = set(blocks) if found is None else found & blocks
        return sorted(found or ())

    def _number(self, trigram: int) -> int:
        return hash_of(trigram) * len(self._buckets) // _MOST_BUCKETS

    def _bucket(self, number: int) -> dict[int, frozenset[int]]:
        length, crc = self._buckets[number]
        if not length:
            return {}
        body = read_range(self._store, self._manifest, self._file, self._offsets[number], length)
        if zlib.crc32(body) != crc:
            raise self._damaged()
        try:
            return _unpack(body)
        except (ValueError, struct.error, pa.ArrowException, OSError) as error:
            raise self._damaged() from error

    def _damaged(self) -> IndexDamaged:
        return damaged(self._store, self._manifest, self._file, "is damaged")


def hash_of(trigram: int) -> int:
    """Return the number of 12 bits whose high bits are a trigram's bucket."""
    return ((trigram * _HASH) & 0xFFFFFFFF) >> 20


class _Run:
    """Postings in scratch, sorted by the trigram's hash: a bucket, for any number of buckets, is one range.

    The file has no name any more, and its space is free again when the run is forgotten.
    """

    def __init__(self, trigram: pa.Array, block: pa.Array, scratch: Path) -> None:
        wide = pc.bit_wise_and(pc.multiply(trigram.cast(pa.int64()), _HASH), 0xFFFFFFFF)
        fine = pc.shift_right(wide, 20)
        order = pc.sort_indices(fine)
        counts = {each["values"]: each["counts"] for each in pc.value_counts(fine).to_pylist()}
        self._starts = [0, *accumulate(counts.get(number, 0) for number in range(_MOST_BUCKETS))]
        path = scratch / f"tidemark-trigrams-{id(self):x}"
        path.write_bytes(_bytes(trigram.take(order)) + _bytes(block.take(order)))
        self._file = pa.OSFile(str(path))
        path.unlink()

    def bucket(self, number: int, buckets: int) -> pa.Table:
        """Return the postings of one of so many buckets."""
        width, rows = _MOST_BUCKETS // buckets, self._starts[-1]
        start, end = self._starts[number * width], self._starts[(number + 1) * width]
        columns = [self._read(start, end), self._read(rows + start, rows + end)]
        return pa.Table.from_arrays(columns, ["trigram", "block"])

    def _read(self, start: int, end: int) -> pa.Array:
        found = self._file.read_at(4 * (end - start), 4 * start)
        return pa.Array.from_buffers(pa.int32(), end - start, [None, pa.py_buffer(found)])


def _bucket(runs: list[_Run], number: int, buckets: int) -> pa.Table:
    postings = pa.concat_tables([run.bucket(number, buckets) for run in runs]).combine_chunks()
    # Blocks are in order already, and a stable sort by each half of the trigram takes no comparisons.
    postings = postings.take(pc.sort_indices(pc.bit_wise_and(postings.column("trigram"), _HALF)))
    return postings.take(pc.sort_indices(pc.shift_right(postings.column("trigram"), _TWELVE)))


def _pack(postings: pa.Table) -> bytes:
    if not len(postings):
        return b""
    trigram = postings.column("trigram").combine_chunks()
    block = postings.column("block").combine_chunks()
    counts = pc.value_counts(trigram)
    delta = pc.if_else(pc.equal(trigram[1:], trigram[:-1]), pc.subtract(block[1:], block[:-1]), block[1:])
    delta = pa.concat_arrays([block[:1], delta])  # the first of each trigram counts from 0
    deltas = _bytes(delta)
    raw = b"".join(
        [
            _bytes(counts.field("values")),
            _bytes(counts.field("counts").cast(pa.int32())),
            *(deltas[plane::4] for plane in range(3)),
        ]
    )
    return _HEAD.pack(len(raw), len(counts), len(trigram)) + bytes(_CODEC.compress(raw, asbytes=True))


def _bytes(numbers: pa.Array) -> bytes:
    """Return the memory of numbers of 32 bits."""
    return bytes(numbers.buffers()[1])[4 * numbers.offset : 4 * (numbers.offset + len(numbers))]


def _unpack(body: bytes) -> dict[int, frozenset[int]]:
    size, trigrams, postings = _HEAD.unpack_from(body)
    if size != 8 * trigrams + 3 * postings:
        raise ValueError("its sizes contradict each other")
    raw = bytes(_CODEC.decompress(body[_HEAD.size :], decompressed_size=size, asbytes=True))
    values, counts = array("i", raw[: 4 * trigrams]), array("i", raw[4 * trigrams : 8 * trigrams])
    at = 8 * trigrams
    low, middle, high = (raw[at + n * postings : at + (n + 1) * postings] for n in range(3))
    found: dict[int, frozenset[int]] = {}
    start = 0
    for trigram, count in zip(values, counts, strict=True):
        block, blocks = 0, []
        for n in range(start, start + count):
            block += low[n] | middle[n] << 8 | high[n] << 16
            blocks.append(block)
        found[trigram] = frozenset(blocks)
        start += count
    return found
