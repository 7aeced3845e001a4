"""The columns of an index's parts, and how they are encoded. docs/index-format.md explains them."""

from __future__ import annotations

import dataclasses
import hashlib

import pyarrow as pa

FORMAT = "tidemark-index"
FORMAT_VERSION = 1

ROW_GROUP_ROWS = 65_536
PART_ROWS = 16 * ROW_GROUP_ROWS

TIME = pa.timestamp("us", tz="UTC")

PART_SCHEMA = pa.schema(
    [
        pa.field("parent", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("parent_raw", pa.binary()),
        pa.field("name_raw", pa.binary()),
        pa.field("target_raw", pa.binary()),
        pa.field("ext", pa.string()),
        pa.field("type", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("mtime", TIME, nullable=False),
        pa.field("ctime", TIME),
        pa.field("uid", pa.int64(), nullable=False),
        pa.field("gid", pa.int64(), nullable=False),
        pa.field("mode", pa.int32(), nullable=False),
        pa.field("nlink", pa.int32(), nullable=False),
        pa.field("inode", pa.int64()),
        pa.field("target", pa.string()),
    ]
)

# Columns that the flag `nanoseconds` appends: int16, 0 to 999, the part that microseconds lose.
NANOSECONDS = [pa.field("mtime_ns", pa.int16()), pa.field("ctime_ns", pa.int16())]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Optional contents of an index, which cost space. Its manifest lists the flags that are set."""

    full_inodes: bool = (
        False  # inodes of all entries, not only of those with several links: 8 bytes per entry
    )
    nanoseconds: bool = False  # nanoseconds of both times: up to 4 bytes per entry

    def names(self) -> tuple[str, ...]:
        """Return the names of the set flags, as in the manifest."""
        return tuple(name for name, is_set in dataclasses.asdict(self).items() if is_set)

    def part_schema(self) -> pa.Schema:
        """Return the columns of the parts."""
        return pa.schema([*PART_SCHEMA, *NANOSECONDS]) if self.nanoseconds else PART_SCHEMA


NO_FLAGS = Flags()

# Dictionaries save space in columns of few values. Names, sizes and times are plain, which every reader
# supports.
DICTIONARY_COLUMNS = ["parent", "ext", "type", "uid", "gid", "mode", "nlink"]


def schema_sha256(schema: pa.Schema) -> str:
    """Return a digest of names, types and order of the columns, independent of the writer."""
    text = "\n".join(
        f"{field.name} {field.type} {'null' if field.nullable else 'required'}" for field in schema
    )
    return hashlib.sha256(text.encode()).hexdigest()
