"""trigrams.bin: an index from three consecutive bytes of a name to the blocks of rows that contain them.

The layout is in docs/index-format.md. Names are in lower case, so that one file serves case-sensitive and
case-insensitive searches. It returns candidate blocks, whose names must then be matched.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import and_, or_

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.errors import IndexDamaged
from tidemark.index.files.parquet_writer import described
from tidemark.index.format.manifest import File, Manifest
from tidemark.index.storage.attempt_folder import Folder
from tidemark.index.storage.object_store import Store
from tidemark.index.storage.verified_reads import damaged, read_end, read_range

TRIGRAMS = "trigrams.bin"
BLOCK_ROWS = 4096

_MAGIC = b"TMTRIG02"
_TABLE = struct.Struct("<8sIII")  # magic, rows in a block, blocks, buckets
_BUCKET = struct.Struct("<IIII")  # its first trigram, how many trigrams, bytes in the file, CRC-32 of them
_WORD_BITS = 64
_BUCKET_BYTES = 16 << 10  # before compression
_SLAB_BYTES = 4 << 20  # assembled at a time, before compression
_PAIRS_AT_ONCE = 4 << 20  # pairs of a trigram and a block that contains it; 25 bytes of memory each
_AT_ONCE = 8
_MOST_ASKED = 12  # trigrams of one search: more would only cost requests

_NO_NAME = pa.array([""])  # after the last name, so that it is also followed by a NUL
_CODEC = pa.Codec("zstd", compression_level=3)


def _int32(number: int) -> pa.Scalar:
    """Return a 32-bit scalar; arithmetic with a Python int would widen columns to 64 bits."""
    return pa.scalar(number, pa.int32())


_NUL, _SIXTEEN, _LETTERS, _WORD = map(_int32, (0, 16, 0xFFFFFF, _WORD_BITS))


class TrigramsBuilder:
    """Collects trigrams from a stream of sorted rows; takes half a byte of memory per row."""

    def __init__(self, *, block_rows: int = BLOCK_ROWS) -> None:
        self._block_rows = block_rows
        self._waiting_names: list[pa.Array] = []
        self._waiting = 0
        self._blocks = self._rows = 0
        self._found: list[pa.Array] = []  # the letters of each block of the run, from `_letters_of`
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

    def close(self, folder: Folder) -> File:
        """Put the file."""
        if self._waiting_names:
            self._add_block(self._waiting_names)
        self._end_run()
        buckets, body = [], bytearray()
        for trigrams, words in _slabs(self._runs):
            packed = _CODEC.compress(_bytes(trigrams) + words.tobytes(), asbytes=True)
            buckets.append(_BUCKET.pack(trigrams[0].as_py(), len(trigrams), len(packed), zlib.crc32(packed)))
            body += packed
        table_at = len(body)
        body += _TABLE.pack(_MAGIC, self._block_rows, self._blocks, len(buckets)) + b"".join(buckets)
        file = folder.file(TRIGRAMS)
        folder.put(file, memoryview(body))
        return described(file, memoryview(body), rows=self._rows, footer_offset=table_at)

    def _add_block(self, names: list[pa.Array]) -> None:
        self._found.append(_letters_of(names))
        self._blocks += 1
        if len(self._found) == _WORD_BITS:
            self._end_run()

    def _end_run(self) -> None:
        if self._found:
            self._runs.append(_Run(self._found))
            self._found = []


class _Run:
    """The trigrams of 64 consecutive blocks, ascending, each with a word: bit n is set if block n has it."""

    def __init__(self, found: list[pa.Array]) -> None:
        # Random names have many trigrams, so they are processed in parts with the same low bits.
        parts = 1 << (sum(map(len, found)) // _PAIRS_AT_ONCE).bit_length()
        pieces = [_words_of([_ending(each, end, parts) for each in found]) for end in range(parts)]
        trigrams = pa.concat_arrays([piece[0] for piece in pieces])
        order = pc.sort_indices(trigrams)
        self.trigrams = trigrams.take(order)
        self._words = pa.concat_arrays([piece[1] for piece in pieces]).take(order)

    def words(self, trigrams: pa.Array) -> array[int]:
        """Return the words of these trigrams."""
        places = pc.index_in(trigrams, value_set=self.trigrams)
        return array("q", _bytes(pc.fill_null(self._words.take(places), 0)))


def _ending(letters: pa.Array, end: int, parts: int) -> pa.Array:
    """Return the numbers that equal `end` modulo `parts`, a power of two."""
    if parts == 1:
        return letters
    return letters.filter(pc.equal(pc.bit_wise_and(letters, _int32(parts - 1)), _int32(end)))


def _words_of(found: list[pa.Array]) -> tuple[pa.Array, pa.Array]:
    """Return the unordered trigrams of some blocks, and for each the word of the blocks that contain it."""
    which = pc.dictionary_encode(pa.concat_arrays(found))
    block = pa.concat_arrays(
        [pa.repeat(_int32(number), len(letters)) for number, letters in enumerate(found)]
    )
    letters = which.dictionary
    bit = pc.add(pc.multiply(which.indices, _WORD), block)
    # The index of each number, or null if missing, so that the validity bitmap contains the wanted bits.
    places = pc.inverse_permutation(bit, max_index=len(letters) * _WORD_BITS - 1, output_type=pa.int32())
    words = pa.Array.from_buffers(pa.int64(), len(letters), [None, _validity(places)])
    trigrams, named = _trigrams(letters)
    return trigrams.filter(named), words.filter(named)


def _slabs(runs: list[_Run]) -> Iterator[tuple[pa.Array, array[int]]]:
    """Return every bucket's trigrams with the words of all runs, grouped by trigram."""
    if not runs:
        return
    trigrams = pc.unique(pa.chunked_array([run.trigrams for run in runs]))
    trigrams = trigrams.take(pc.sort_indices(trigrams))
    width = 4 + 8 * len(runs)
    in_bucket = max(1, _BUCKET_BYTES // width)
    in_slab = in_bucket * max(1, _SLAB_BYTES // (in_bucket * width))
    for start in range(0, len(trigrams), in_slab):
        slab = trigrams.slice(start, in_slab)
        words = array("q", bytes(8 * len(slab) * len(runs)))
        for number, run in enumerate(runs):
            words[number :: len(runs)] = run.words(slab)
        for first in range(0, len(slab), in_bucket):
            yield (
                slab.slice(first, in_bucket),
                words[first * len(runs) : (first + in_bucket) * len(runs)],
            )


def trigrams_of(names: list[pa.Array]) -> pa.Array:
    """Return the distinct trigrams of some names in lower case, as 24-bit numbers."""
    trigrams, named = _trigrams(_letters_of(names))
    return trigrams.filter(named)


def _letters_of(names: list[pa.Array]) -> pa.Array:
    """Return each three consecutive bytes of NUL-separated names, as little-endian numbers."""
    text = pc.utf8_lower(pa.concat_arrays([*names, _NO_NAME]))
    letters = pc.binary_join(pa.ListArray.from_arrays([0, len(text)], text), "\0").buffers()[2]
    # Three bytes are the low bytes of a 4-byte number: the numbers at 0, 4, 8, ..., at 1, 5, 9, ...
    fours = [
        pa.Array.from_buffers(pa.int32(), max(letters.size - start, 0) // 4, [None, letters.slice(start)])
        for start in range(min(4, letters.size + 1))
    ]
    return pc.unique(pc.bit_wise_and(pa.chunked_array(fours, pa.int32()), _LETTERS))


def _trigrams(letters: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return big-endian numbers, and whether all three bytes are of one name (none is NUL)."""
    first, second, third = (pc.bit_wise_and(letters, _int32(0xFF << shift)) for shift in (0, 8, 16))
    named = [pc.not_equal(letter, _NUL) for letter in (first, second, third)]
    high_first = pc.bit_wise_or(
        pc.bit_wise_or(pc.shift_left(first, _SIXTEEN), second), pc.shift_right(third, _SIXTEEN)
    )
    return high_first, pc.and_(pc.and_(named[0], named[1]), named[2])


class Trigrams:
    """The open file, whose table is read and verified."""

    def __init__(self, store: Store, manifest: Manifest, file: File) -> None:
        self._store, self._manifest, self._file = store, manifest, file
        table, _ = read_end(store, manifest, file)
        magic, self.block_rows, self.blocks, buckets = _TABLE.unpack_from(table.ljust(_TABLE.size))
        self._known = magic == _MAGIC
        if not self._known:
            return
        if len(table) != _TABLE.size + buckets * _BUCKET.size or not self.block_rows:
            raise self._damaged()
        if self.blocks != -(-file.rows // self.block_rows):
            raise self._damaged()
        self._buckets = list(_BUCKET.iter_unpack(table[_TABLE.size :]))
        self._offsets = [0]
        for _, _, length, _ in self._buckets:
            self._offsets.append(self._offsets[-1] + length)
        self._bitmap_bytes = -(-self.blocks // _WORD_BITS) * 8

    def blocks_of(self, texts: Iterable[Sequence[str]]) -> list[int] | None:
        """Return the blocks whose names may contain one text of each list, ascending.

        None if unknown: the texts are too short, or the file's layout is not supported.
        """
        wanted = [found for each in texts if all(found := [_trigrams_in(text) for text in each])]
        if not wanted or not self._known:
            return None
        wanted = _fewer(wanted)
        asked = sorted(set().union(*(trigrams for found in wanted for trigrams in found)))
        places = [self._place(trigram) for trigram in asked]
        numbers = sorted(set(places) - {-1})
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            buckets = dict(zip(numbers, pool.map(self._bucket, numbers), strict=True))
        every = (1 << self.blocks) - 1
        blocks = {
            trigram: buckets[place].get(trigram, 0) if place >= 0 else 0
            for trigram, place in zip(asked, places, strict=True)
        }
        # One text of each list, and all trigrams of that text.
        found = reduce(
            and_,
            (
                reduce(or_, (reduce(and_, map(blocks.__getitem__, each), every) for each in texts), 0)
                for texts in wanted
            ),
            every,
        )
        return [block for block, bit in enumerate(reversed(f"{found:b}")) if bit == "1"]

    def _place(self, trigram: int) -> int:
        """Return the number of the only bucket that may contain a trigram; -1 if there is none."""
        return bisect_right(self._buckets, trigram, key=lambda bucket: bucket[0]) - 1

    def _bucket(self, number: int) -> dict[int, int]:
        """Return a bucket's trigrams, each with a number whose bit n is set if block n contains it."""
        _, trigrams, length, crc = self._buckets[number]
        packed = read_range(self._store, self._manifest, self._file, self._offsets[number], length)
        if zlib.crc32(packed) != crc:
            raise self._damaged()
        size, width = 4 * trigrams, self._bitmap_bytes
        try:
            body = bytes(_CODEC.decompress(packed, decompressed_size=size + width * trigrams, asbytes=True))
        except (ValueError, OverflowError, MemoryError, pa.ArrowException, OSError) as error:
            raise self._damaged() from error
        return {
            trigram: int.from_bytes(body[size + n * width : size + (n + 1) * width], "little")
            for n, trigram in enumerate(array("i", body[:size]))
        }

    def _damaged(self) -> IndexDamaged:
        return damaged(self._store, self._manifest, self._file, "is damaged")


def _trigrams_in(text: str) -> set[int]:
    return set(trigrams_of([pa.array([text], pa.string())]).to_pylist())


def _fewer(wanted: list[list[set[int]]]) -> list[list[set[int]]]:
    """Return some trigrams: evenly from a list's first text, the distinguishing ones from the others."""
    step = -(-sum(len(texts[0]) for texts in wanted) // _MOST_ASKED)
    fewer = []
    for first, *others in wanted:
        kept = set(sorted(first)[::step])
        fewer.append([kept, *(set(sorted(other - first)[:2]) or kept & other or other for other in others)])
    return fewer


def _validity(places: pa.Array) -> pa.Buffer:
    """Return the validity bitmap of an array."""
    return places.buffers()[0] or pa.py_buffer(b"\xff" * (len(places) // 8))


def _bytes(numbers: pa.Array) -> bytes:
    """Return the bytes of an array of numbers."""
    width = numbers.type.bit_width // 8
    return bytes(numbers.buffers()[1].slice(width * numbers.offset, width * len(numbers)))
