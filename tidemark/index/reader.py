"""Reading parts by ranges, so that only what a question needs leaves the repository."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from tidemark.errors import IndexDamaged
from tidemark.index.entry import Entry
from tidemark.index.manifest import Manifest, Part
from tidemark.index.schema import PART_SCHEMA, schema_sha256
from tidemark.index.store import ObjectMissing, Store

ENTRY_COLUMNS = [name for name in PART_SCHEMA.names if not name.endswith("_raw")]


class PartReader:
    """One part, open: its footer is read and checked, and nothing else.

    Every method raises IndexDamaged, naming the file, where the part is missing, truncated or altered.
    """

    def __init__(self, store: Store, manifest: Manifest, part: Part) -> None:
        key = manifest.identity.prefix + part.file
        self._url = f"{store.url}/{key}"
        self._part = part
        with self._naming_the_file():
            source = _RangeFile(store, key, part)
            self._file = pq.ParquetFile(
                pa.PythonFile(source, mode="r"), pre_buffer=True, page_checksum_verification=True
            )
            if self._file.metadata.num_rows != part.rows or schema_sha256(
                _plain(self._file.schema_arrow)
            ) != schema_sha256(_plain(PART_SCHEMA)):
                raise _Wrong("its rows or columns are not those of the manifest")

    @property
    def row_groups(self) -> int:
        """How many row groups the part has."""
        return int(self._file.metadata.num_row_groups)

    def parents(self, row_group: int) -> tuple[str, str] | None:
        """Return the first and the last parent of a row group, or None where its statistics do not say."""
        with self._naming_the_file():
            statistics = self._file.metadata.row_group(row_group).column(0).statistics
            if statistics is None or not statistics.has_min_max:
                return None
            return str(statistics.min), str(statistics.max)

    def read(self, row_group: int, columns: Sequence[str]) -> pa.Table:
        """Return some columns of a row group."""
        with self._naming_the_file():
            return self._file.read_row_group(row_group, columns=list(columns), use_threads=False)

    @contextlib.contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        try:
            yield
        except ObjectMissing as error:
            raise self._damaged("is missing") from error
        except _Wrong as error:
            raise self._damaged(f"is damaged: {error}") from error
        except (OSError, ValueError, TypeError, pa.ArrowException, UnicodeDecodeError, MemoryError) as error:
            raise self._damaged(
                f"is damaged: {str(error).splitlines()[0] if str(error) else error!r}"
            ) from error

    def _damaged(self, how: str) -> IndexDamaged:
        return IndexDamaged(
            f"{self._url} {how}; use another index of this file system, or run its policy to make a new one"
        )


def entries(table: pa.Table) -> Iterator[Entry]:
    """Return a table's rows; it must have ENTRY_COLUMNS."""
    times = {
        "mtime_us": table.column("mtime").cast(pa.int64()),
        "ctime_us": table.column("ctime").cast(pa.int64()),
    }
    lists = [times.get(f"{name}_us", table.column(name)).to_pylist() for name in ENTRY_COLUMNS]
    for row in zip(*lists, strict=True):
        values = dict(zip(ENTRY_COLUMNS, row, strict=True))
        mtime, ctime = values.pop("mtime"), values.pop("ctime")
        yield Entry(mtime_us=mtime, ctime_us=mtime if ctime is None else ctime, **values)


class _Wrong(Exception):
    """What is wrong with a part, in words."""


class _RangeFile(io.RawIOBase):
    """A part as a file that is read by ranges. Its footer is fetched, and checked, at once."""

    def __init__(self, store: Store, key: str, part: Part) -> None:
        super().__init__()
        self._store, self._key, self._size, self._position = store, key, part.bytes, 0
        self._footer_offset = part.footer_offset
        # One byte more than there should be tells a file that has grown.
        self._footer = store.get_range(key, part.footer_offset, part.bytes - part.footer_offset + 1)
        if len(self._footer) != part.bytes - part.footer_offset:
            raise _Wrong(f"it is not {part.bytes} bytes long")
        if hashlib.sha256(self._footer).hexdigest() != part.footer_sha256:
            raise _Wrong("its footer is not the one that was written")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def size(self) -> int:
        return self._size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._size - self._position if size is None or size < 0 else size
        wanted = max(0, min(wanted, self._size - self._position))
        if wanted == 0:
            return b""
        if self._position >= self._footer_offset:
            start = self._position - self._footer_offset
            found = self._footer[start : start + wanted]
        else:
            found = self._store.get_range(self._key, self._position, wanted)
        if len(found) != wanted:
            raise _Wrong("it is shorter than it was written")
        self._position += wanted
        return found


def _plain(schema: pa.Schema) -> pa.Schema:
    """Return a schema without metadata, dictionaries or nullability, to compare what readers see."""
    return pa.schema([pa.field(field.name, field.type) for field in schema])
