"""top.parquet: the largest files."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.files.parquet_writer import SideFileWriter
from tidemark.index.format.manifest import File
from tidemark.index.format.schema import DICTIONARY_COLUMNS, PART_SCHEMA
from tidemark.index.rows.arrow_batch import with_raw_columns
from tidemark.index.storage.attempt_folder import Folder

TOP = "top.parquet"
TOP_ROWS = 1000


class TopBuilder:
    """Keeps the largest regular files from a stream of rows."""

    def __init__(self) -> None:
        self._kept: pa.Table | None = None
        self._smallest = -(2**63)

    def add(self, rows: pa.Table) -> None:
        """Add a row group."""
        candidates = rows.filter(
            pc.and_(pc.equal(rows.column("type"), "f"), pc.greater(rows.column("size"), self._smallest))
        )
        if not len(candidates):
            return
        place = candidates.column_names.index("parent")
        plain = candidates.set_column(place, "parent", candidates.column("parent").cast(pa.string()))
        if self._kept is not None:
            plain = pa.concat_tables([self._kept, plain])
        order = pc.sort_indices(
            plain, sort_keys=[("size", "descending"), ("parent", "ascending"), ("name", "ascending")]
        )
        self._kept = plain.take(order[:TOP_ROWS]).combine_chunks()
        if len(self._kept) == TOP_ROWS:
            self._smallest = self._kept.column("size")[-1].as_py()

    def close(self, folder: Folder) -> File:
        """Put the file: largest first."""
        writer = SideFileWriter(TOP, PART_SCHEMA, dictionary_columns=DICTIONARY_COLUMNS)
        if self._kept is not None:
            writer.write(with_raw_columns(self._kept))
        return writer.close(folder)
