"""The paths that an index could not read, and their last known rows.

A path that is missing from an index is gone, unless it or one of its parent directories was unreadable. Then
its state is unknown, and the last known row is kept until it can be read again. A directory that was listed
is authoritative for its content, even below a directory whose listing was incomplete.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.rows.compare import COMPARED, READ_COLUMNS, UNREAD, differ
from tidemark.index.rows.external_sort import sort_pieces, trimmed
from tidemark.index.rows.merge_join import common_rows

_SAME_LINK = [name for name in COMPARED if name != "target"]


class Unreadable:
    """The unreadable paths, each with a trailing slash: directories that could not be opened or listed
    completely, and paths that could not be stat'ed and may be directories.
    """

    def __init__(
        self, paths: pa.Array | None = None, broken_off: Iterable[str] = (), *, links: bool = False
    ) -> None:
        self._paths = pa.array([], pa.string()) if paths is None else paths
        self._broken_off = pa.array(broken_off, pa.string())  # those whose listing may have begun
        self._links = links  # whether there are unreadable links
        self._seen: set[str] = set()  # known directories in those

    def __bool__(self) -> bool:
        return bool(len(self._paths)) or self._links

    def broke_off(self, directory: str) -> bool:
        """Return whether a directory, with a trailing slash, was listed incompletely."""
        return pc.is_in(pa.scalar(directory), value_set=self._broken_off).as_py() is True

    def note(self, was: pa.Table | None, now: pa.Table | None) -> None:
        """Note, from earlier and current rows of the same paths, the directories that were listed.

        Call this in order, before `covers` for rows below these directories.
        """
        if len(self._broken_off) and was is not None and now is not None:
            before = self._in_broken_off(was)
            kind = before.column("type")
            directories = _paths(before.filter(pc.equal(kind.cast(pa.string()), "d")))
            after = _paths(self._in_broken_off(now))
            self._seen.update(after.filter(pc.is_in(after, value_set=directories)).to_pylist())

    def note_seen(self, directory: str) -> None:
        """Note that a path, with a trailing slash, was found in an incompletely listed directory."""
        self._seen.add(directory)

    def covers(self, rows: pa.Table) -> pa.Array:
        """Return, for rows missing from an index, whether an unreadable path is the reason."""
        parent = rows.column("parent").combine_chunks().dictionary_encode()
        directories = parent.dictionary.to_pylist()
        covered = self._covered(directories)
        of_parent = pa.array([covered[each] for each in directories], pa.bool_()).take(parent.indices)
        return pc.or_(of_parent, pc.is_in(_paths(rows), value_set=self._paths))

    def nearest(self, path: str) -> str | None:
        """Return the nearest unreadable path among a path, with a trailing slash, and its parents."""
        candidates = [path, *above(path)]
        refused = pc.is_in(pa.array(candidates, pa.string()), value_set=self._paths).to_pylist()
        return next((each for each, did in zip(candidates, refused, strict=True) if did), None)

    def stand_in(self, was: pa.Table | None, now: pa.Table | None) -> tuple[pa.Table | None, pa.Table | None]:
        """Return the rows `now` merged with the kept rows of `was`, as UNREAD, and the kept rows alone.

        Both cover the same range of paths and have READ_COLUMNS and UNREAD; None means no rows.
        """
        self.note(was, now)
        if was is None:
            return now, None
        was = trimmed(was)
        pieces = []
        if now is None:
            missing = was
        else:
            now = trimmed(now)
            kept, _ = common_rows(was, now)
            missing = was.slice(0, 0) if kept is None else was.filter(pc.invert(kept))
            now, links = _without_unread_links(was, now)
            pieces.append(links)
        if len(missing):
            pieces.append(missing.filter(self.covers(missing)))
        standing = [_as_unread(piece) for piece in pieces if piece is not None and len(piece)]
        if not standing:
            return now, None
        together = standing[0] if len(standing) == 1 else sort_pieces(standing)
        rest = [plain(now)] if now is not None and len(now) else []
        return sort_pieces([*rest, together]) if rest else together, together

    def _covered(self, directories: Collection[str]) -> dict[str, bool]:
        """Return, by directory, whether it or its nearest known parent was unreadable."""
        every = {*directories}.union(*map(above, directories))
        ordered = sorted(every, key=len)  # parents first
        refused = pc.is_in(pa.array(ordered, pa.string()), value_set=self._paths).to_pylist()
        answers: dict[str, bool] = {}
        for path, did in zip(ordered, refused, strict=True):
            parent = next(above(path), None)
            inherited = parent is not None and answers[parent] and path not in self._seen
            answers[path] = did or inherited
        return answers

    def _in_broken_off(self, rows: pa.Table) -> pa.Table:
        parent = rows.column("parent").combine_chunks().dictionary_encode()
        return rows.filter(pc.is_in(parent.dictionary, value_set=self._broken_off).take(parent.indices))


def with_unread(rows: pa.Table, *, unread: bool = False) -> pa.Table:
    """Return rows with READ_COLUMNS and a constant column UNREAD."""
    rows = rows.select(READ_COLUMNS)
    return rows.append_column(UNREAD, pa.repeat(pa.scalar(unread), len(rows)))


def above(path: str) -> Iterator[str]:
    """Return the parent directories of a path, nearest first, each with a trailing slash."""
    at = path.rfind("/", 0, -1)
    while at >= 0:
        yield path[: at + 1]
        at = path.rfind("/", 0, at)


def _paths(rows: pa.Table) -> pa.Array:
    parent = rows.column("parent").combine_chunks().cast(pa.string())
    return pc.binary_join_element_wise(parent, rows.column("name").combine_chunks(), "/", "")


def _as_unread(rows: pa.Table) -> pa.Table:
    return plain(with_unread(rows, unread=True))


def plain(rows: pa.Table) -> pa.Table:
    """Return rows with uniform column types, independent of their source."""
    columns = {name: rows.column(name) for name in [*READ_COLUMNS, UNREAD]}
    return pa.table({**columns, "type": columns["type"].cast(pa.string())})


def _without_unread_links(was: pa.Table, now: pa.Table) -> tuple[pa.Table, pa.Table | None]:
    """Return the current rows without unreadable links, and the earlier rows of these links.

    Only links with no other change.
    """
    is_unread = pc.and_(pc.equal(now.column("type").cast(pa.string()), "l"), pc.is_null(now.column("target")))
    places = pc.indices_nonzero(is_unread)
    if not len(places):
        return now, None
    links = trimmed(now.take(places))
    was_kept, links_kept = common_rows(was, links)
    before = was if was_kept is None else was.filter(was_kept)
    if links_kept is not None:
        links, places = links.filter(links_kept), places.filter(links_kept)
    if not len(links):
        return now, None
    other = differ(before, None, links, None, _SAME_LINK)
    if other is not None:
        before, places = before.filter(pc.invert(other)), places.filter(pc.invert(other))
    rows = pa.array(range(len(now)), places.type)
    return now.filter(pc.invert(pc.is_in(rows, value_set=places))), before
