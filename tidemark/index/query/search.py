"""Searches names in an index."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.files.trigrams import BLOCK_ROWS, TRIGRAMS, Trigrams
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import Manifest
from tidemark.index.reading.filters import ANY, Filters
from tidemark.index.reading.page_search import Holding
from tidemark.index.reading.part_reader import ENTRY_COLUMNS, entries
from tidemark.index.reading.pattern import Mode, NamePattern
from tidemark.index.reading.scan import Place, in_order, places_of
from tidemark.index.storage.object_store import Store

_ENCODED = ("parent", "ext", "type")  # faster to read as dictionaries: few values, many rows


def search(
    store: Store,
    manifest: Manifest,
    pattern: str = "",
    *,
    ignore_case: bool = False,
    mode: Mode = "auto",
    filters: Filters = ANY,
    trigrams: bool = True,
) -> Iterator[Entry]:
    """Yield the entries whose name matches, sorted by directory and name.

    In the mode `auto`, a pattern with `*`, `?` or `[` is a glob for the whole name, any other a substring.
    Uses range reads: trigrams select the row groups that can contain hits, and only the columns of the
    conditions are read there; the other columns only for hits. Raises ConfigurationError for an invalid
    regular expression, and IndexDamaged with the file, possibly after some hits.
    """
    wanted = NamePattern(pattern, mode=mode, ignore_case=ignore_case)

    def hits(place: Place) -> pa.Table | None:
        found = _matches(place, wanted, filters)
        numbers = pc.indices_nonzero(found)
        if not len(numbers):
            return None
        first, last = numbers[0].as_py(), numbers[-1].as_py()
        return place.part(first, last).read(ENTRY_COLUMNS, encoded=_ENCODED).filter(found[first : last + 1])

    places = _places(store, manifest, wanted, filters, trigrams=trigrams, rows_wanted=True)
    for rows in in_order(places, hits, at_once=store.at_once):
        if rows is not None:
            yield from entries(rows)


def count(
    store: Store,
    manifest: Manifest,
    pattern: str = "",
    *,
    ignore_case: bool = False,
    mode: Mode = "auto",
    filters: Filters = ANY,
    trigrams: bool = True,
) -> int:
    """Return the number of entries that `search` would return, reading only what is needed to count."""
    wanted = NamePattern(pattern, mode=mode, ignore_case=ignore_case)

    def hits(place: Place) -> int:
        if filters.columns or not wanted.is_needle:
            return _true(_matches(place, wanted, filters))
        holding = _holding(place, wanted)  # the row numbers are not needed here
        return _true(_by_column(place, wanted)) if holding is None else wanted.count_of(holding)

    places = _places(store, manifest, wanted, filters, trigrams=trigrams, rows_wanted=False)
    return sum(in_order(places, hits, at_once=store.at_once))


def _places(
    store: Store,
    manifest: Manifest,
    wanted: NamePattern,
    filters: Filters,
    *,
    trigrams: bool,
    rows_wanted: bool,
) -> Iterator[Place]:
    file = manifest.side_file(TRIGRAMS)
    blocks, block_rows = None, BLOCK_ROWS
    if trigrams and file is not None and any(len(piece.encode()) >= 3 for piece in wanted.pieces):
        found = Trigrams(store, manifest, file)
        blocks, block_rows = found.blocks_of(wanted.looked_up), found.block_rows
    paged = rows_wanted or blocks is not None
    return places_of(store, manifest, filters, blocks, block_rows, paged=paged)


def _matches(place: Place, wanted: NamePattern, filters: Filters) -> pa.ChunkedArray:
    """Return a mask of the rows that match; reads names only if a row meets every other condition."""
    found = None
    if filters.columns:
        rows = place.read(filters.columns, encoded=_ENCODED)
        found = reduce(pc.and_, filters.condition(rows))
        if wanted.matches_all or not pc.any(found).as_py():
            return found
    named = _named(place, wanted)
    return named if found is None else pc.and_(named.combine_chunks(), found.combine_chunks())


def _named(place: Place, wanted: NamePattern) -> pa.ChunkedArray:
    """Return a mask of the rows with a matching name."""
    holding = _holding(place, wanted)
    if holding is None:
        return _by_column(place, wanted)
    matches = bytearray(len(place.rows))
    for row in wanted.rows_of(holding):
        if row in place.rows:  # a page may reach beyond them
            matches[row - place.rows.start] = 1
    return pa.chunked_array(
        [pa.Array.from_buffers(pa.uint8(), len(matches), [None, pa.py_buffer(matches)]).cast(pa.bool_())]
    )


def _holding(place: Place, wanted: NamePattern) -> Holding | None:
    """Return the names that contain the pattern's needle; None if that requires reading the column."""
    return place.holding("name", wanted.needle) if wanted.needle else None


def _by_column(place: Place, wanted: NamePattern) -> pa.ChunkedArray:
    return wanted(place.read(["name"]).column("name"))


def _true(answers: pa.ChunkedArray) -> int:
    return int(pc.sum(answers).as_py() or 0)
