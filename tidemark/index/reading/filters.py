"""Converts a user's filters to conditions on rows, and skips rows that cannot match."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.format.manifest import Part
from tidemark.index.reading.folding import fold
from tidemark.index.reading.part_reader import ParquetReader


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions other than the name, all of which must hold. None and empty values match everything."""

    ext: str | None = None  # without the dot; case-insensitive
    under: str | None = None  # a directory, escaped as in an Entry's path; matches everything below it
    types: Collection[str] = ()  # any of f d l p s c b
    size_min: int | None = None  # bytes, inclusive
    size_max: int | None = None
    newer: datetime | None = None  # modified at this time or later
    older: datetime | None = None  # modified before this time
    uid: int | None = None
    gid: int | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that `condition` reads."""
        wanted = {
            "ext": self.ext is not None,
            "parent": self._prefix is not None,
            "type": bool(self.types),
            "size": self.size_min is not None or self.size_max is not None,
            "mtime": self.newer is not None or self.older is not None,
            "uid": self.uid is not None,
            "gid": self.gid is not None,
        }
        return [name for name, needed in wanted.items() if needed]

    def condition(self, rows: pa.Table) -> list[pa.ChunkedArray]:
        """Return one mask of the rows for each condition."""
        answers = []
        if self.ext is not None:
            ext = self.ext.removeprefix(".").casefold()
            answers.append(_of_values(rows.column("ext"), lambda values: pc.equal(fold(values), ext)))
        if self._prefix is not None:
            prefix = self._prefix
            answers.append(_of_values(rows.column("parent"), lambda values: pc.starts_with(values, prefix)))
        if self.types:
            types = pa.array(sorted(self.types), pa.string())
            answers.append(_of_values(rows.column("type"), lambda values: pc.is_in(values, value_set=types)))
        for name, low, high in (
            ("size", self.size_min, self.size_max),
            ("mtime", self.newer, None),
            ("uid", self.uid, self.uid),
            ("gid", self.gid, self.gid),
        ):
            if low is not None:
                answers.append(
                    pc.greater_equal(rows.column(name), pa.scalar(low, rows.schema.field(name).type))
                )
            if high is not None:
                answers.append(
                    pc.less_equal(rows.column(name), pa.scalar(high, rows.schema.field(name).type))
                )
        if self.older is not None:
            answers.append(
                pc.less(rows.column("mtime"), pa.scalar(self.older, rows.schema.field("mtime").type))
            )
        return answers

    def may_be_in_part(self, part: Part) -> bool:
        """Return whether a part can contain matching rows, according to the manifest."""
        prefix = self._prefix
        return (
            (prefix is None or _overlaps(prefix, part.first.parent, part.last.parent))
            and (self.size_min is None or part.size_max >= self.size_min)
            and (self.size_max is None or part.size_min <= self.size_max)
            and (self.newer is None or part.mtime_us_max >= _microseconds(self.newer))
            and (self.older is None or part.mtime_us_min < _microseconds(self.older))
        )

    def may_be_in_row_group(self, reader: ParquetReader, row_group: int) -> bool:
        """Return whether a row group can contain matching rows, according to its statistics."""
        if self._prefix is not None:
            extent = reader.extent(row_group, "parent")
            if extent is not None and not _overlaps(self._prefix, *extent):
                return False
        for name, low, high in (("size", self.size_min, self.size_max), ("uid", self.uid, self.uid)):
            if low is None and high is None:
                continue
            extent = reader.extent(row_group, name)
            if extent is None:
                continue
            if (low is not None and extent[1] < low) or (high is not None and extent[0] > high):
                return False
        return True

    @property
    def _prefix(self) -> str | None:
        if self.under is None or not self.under.strip("/"):
            return None
        return f"/{self.under.strip('/')}/"


ANY = Filters()


def _of_values(column: pa.ChunkedArray, test: Callable[[pa.Array], pa.Array]) -> pa.ChunkedArray:
    """Return a mask of the rows that pass a test, run once per distinct value; nulls do not pass."""
    answers = [
        pc.fill_null(test(values.dictionary).take(values.indices), False)
        for values in (chunk.dictionary_encode() for chunk in column.chunks)
    ]
    return pa.chunked_array(answers, pa.bool_())


def _overlaps(prefix: str, first: str, last: str) -> bool:
    """Return whether texts with a prefix can sort between two texts."""
    return first[: len(prefix)] <= prefix and last >= prefix


def _microseconds(moment: datetime) -> int:
    return int(pa.scalar(moment, pa.timestamp("us", tz="UTC")).value)
