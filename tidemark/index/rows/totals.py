"""Computes the totals of an index from a stream of rows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.format.manifest import Totals
from tidemark.index.rows.wide_sums import total


class Counter:
    """Counts rows. A hard-linked file's size counts once, which takes 8 bytes of memory each."""

    def __init__(self) -> None:
        self._entries = self._files = self._directories = self._bytes = 0
        self._links_seen = pa.array([], pa.int64())
        self._links: list[pa.Table] = []
        self._links_waiting = 0

    def add(self, rows: pa.Table) -> None:
        """Count some rows."""
        is_file = pc.equal(rows.column("type"), "f")
        self._entries += len(rows)
        self._files += pc.sum(is_file).as_py() or 0
        self._directories += pc.sum(pc.equal(rows.column("type"), "d")).as_py() or 0
        linked = pc.and_(is_file, pc.greater(rows.column("nlink"), 1))
        self._bytes += total(rows.column("size").filter(pc.and_not(is_file, linked)))
        several = pa.table({"inode": rows.column("inode"), "size": rows.column("size")}).filter(linked)
        if len(several):
            self._links.append(several)
            self._links_waiting += len(several)
        # Deduplication costs time proportional to the set's size, so it runs less often as the set grows.
        if self._links_waiting > max(1 << 16, len(self._links_seen)):
            self._count_links()

    def totals(self, *, unreadable: int = 0, vanished: int = 0, changed: int = 0) -> Totals:
        """Return the sums so far, including the given counts."""
        self._count_links()
        return Totals(
            entries=self._entries,
            files=self._files,
            directories=self._directories,
            others=self._entries - self._files - self._directories,
            bytes=self._bytes,
            unreadable=unreadable,
            vanished=vanished,
            changed=changed,
        )

    def _count_links(self) -> None:
        if not self._links:
            return
        once = pa.concat_tables(self._links).group_by("inode").aggregate([("size", "max")])
        new = once.filter(pc.invert(pc.is_in(once.column("inode"), value_set=self._links_seen)))
        self._bytes += total(new.column("size_max"))
        self._links_seen = pa.concat_arrays([self._links_seen, new.column("inode").combine_chunks()])
        self._links, self._links_waiting = [], 0
