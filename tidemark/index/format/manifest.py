"""The manifest of an index: its identity, and the names, sizes and digests of its files.

It is written last. Files without a manifest are not an index, but leftovers of a crash.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from datetime import datetime
from typing import Any, Self, TypeVar

from tidemark.errors import IndexDamaged, IndexFormatNotSupported
from tidemark.index.format.schema import FORMAT, FORMAT_VERSION

_Numbers = TypeVar("_Numbers", "Totals", "Changes")
MANIFEST = "manifest.json"
PROPOSAL = "proposal.json"  # a manifest in an attempt's folder, not published yet
_RESTORED = "restored-point"  # the only kind of source
_SAFE_FILE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,100}/)?[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Key:
    """The sort key of rows. Text is compared by its UTF-8 bytes."""

    parent: str
    name: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of an index."""

    file: str  # relative to the manifest, possibly in a folder: attempt-1a2b3c4d/part-00000.parquet
    rows: int
    bytes: int
    sha256: str
    footer_offset: int  # where the Parquet footer (in trigrams.bin, the table) begins, up to the file's end
    footer_sha256: str  # digest of the footer, which can be verified without reading the whole file
    # A Parquet file's offset indexes lie between this and the footer, so that one range read covers both.
    # None: the file has no pages, or was written by a version that did not record this.
    page_index_offset: int | None = None
    page_index_sha256: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part(File):
    """A file of rows. Parts follow each other in order and do not overlap."""

    first: Key
    last: Key
    size_min: int
    size_max: int
    mtime_us_min: int
    mtime_us_max: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over an index. The root itself is not an entry."""

    entries: int
    files: int  # regular files, counting every name of a hard-linked one
    directories: int
    others: int  # symbolic links, sockets, FIFOs, devices
    bytes: int  # of regular files, counting hard-linked ones once
    unreadable: int
    vanished: int
    changed: int  # directories that changed while they were listed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The numbers of added, modified and deleted entries in changes.parquet, and in unreadable.parquet."""

    added: int = 0
    modified: int = 0
    deleted: int = 0
    unreadable: int = 0  # known entries that could not be read; missing in manifests of earlier versions


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class IndexIdentity:
    """Identifies an index and its file system. The index id begins with the file system id."""

    account: str
    region: str
    file_system_id: str
    index_id: str

    @property
    def file_system(self) -> tuple[str, str, str]:
        """The account, Region and id of the file system."""
        return self.account, self.region, self.file_system_id

    @property
    def prefix(self) -> str:
        """The prefix of the index's files in the repository; ends with a slash."""
        return f"indexes/{self.account}/{self.region}/{self.file_system_id}/{self.index_id}/"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RestoredPoint:
    """The restored recovery point that an index was read from, instead of the file system itself."""

    recovery_point_arn: str
    restore_job_id: str
    restored_file_system_id: str  # which was crawled


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One complete index."""

    identity: IndexIdentity
    crawl_started_at: datetime  # UTC
    crawl_ended_at: datetime
    worker: str  # the program that crawled, and its version
    previous_index_id: str | None
    schema_sha256: str
    totals: Totals
    parts: tuple[Part, ...]
    side_files: tuple[File, ...] = ()
    excluded: tuple[str, ...] = ()  # patterns of the excluded directories; see exclusions.py
    unmatched: tuple[str, ...] = ()  # those of `excluded` that were requested and matched no directory
    flags: tuple[str, ...] = ()  # optional contents, see schema.Flags
    changes: Changes | None = None  # None if it has no changes.parquet
    source: RestoredPoint | None = None  # None: the file system itself

    @property
    def index_id(self) -> str:
        """The index's id."""
        return self.identity.index_id

    @property
    def key(self) -> str:
        """The manifest's own key in the repository."""
        return self.identity.prefix + MANIFEST

    def side_file(self, name: str) -> File | None:
        """Return the side file with this name, in any folder, or None if the index has none."""
        return next((file for file in self.side_files if file.file.rpartition("/")[2] == name), None)

    def to_json(self) -> bytes:
        """Return the manifest as JSON. It ends with its own digest, so that alterations are detected."""
        content: dict[str, Any] = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **dataclasses.asdict(self.identity),
            "crawl_started_at": _time_text(self.crawl_started_at),
            "crawl_ended_at": _time_text(self.crawl_ended_at),
            "worker": self.worker,
            "excluded": list(self.excluded),
            "unmatched": list(self.unmatched),
            "flags": list(self.flags),
            "previous_index_id": self.previous_index_id,
            "schema_sha256": self.schema_sha256,
            "totals": dataclasses.asdict(self.totals),
            "changes": dataclasses.asdict(self.changes) if self.changes else None,
            # Absent from the indexes of file systems, as from those of earlier versions.
            **({"source": {"kind": _RESTORED, **dataclasses.asdict(self.source)}} if self.source else {}),
            "parts": [dataclasses.asdict(part) for part in self.parts],
            "side_files": [dataclasses.asdict(file) for file in self.side_files],
        }
        content["manifest_sha256"] = _digest(content)
        return json.dumps(content, indent=1, ensure_ascii=True).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes, url: str) -> Self:
        """Return the manifest from its JSON. `url` is used in errors.

        Raises IndexDamaged if it is not an intact manifest, and IndexFormatNotSupported if a newer Tidemark
        wrote it.
        """
        try:
            content = json.loads(text)
            _check_format(content, url)
            return cls._from_content(content)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise IndexDamaged(
                f"{url} is not an intact manifest ({reason}); "
                f"restore it from a copy of the repository, or choose another index from: "
                f"tidemark index list --repository {url.rpartition('/indexes/')[0]}"
            ) from error

    @classmethod
    def _from_content(cls, content: dict[str, Any]) -> Self:
        identity = IndexIdentity(
            **{field.name: _text(content[field.name]) for field in dataclasses.fields(IndexIdentity)}
        )
        previous = content["previous_index_id"]
        return cls(
            identity=identity,
            crawl_started_at=_time(content["crawl_started_at"]),
            crawl_ended_at=_time(content["crawl_ended_at"]),
            worker=_text(content["worker"]),
            previous_index_id=None if previous is None else _text(previous),
            schema_sha256=_sha256(content["schema_sha256"]),
            totals=_numbers(Totals, content["totals"]),
            parts=tuple(_part(part) for part in content["parts"]),
            side_files=tuple(file_of(file) for file in content["side_files"]),
            # Missing in manifests of the first versions.
            excluded=_texts(content.get("excluded", [])),
            unmatched=_texts(content.get("unmatched", [])),
            flags=_texts(content.get("flags", [])),
            changes=_numbers(Changes, {"unreadable": 0, **changes})
            if (changes := content.get("changes")) is not None
            else None,
            source=_source(content["source"]) if "source" in content else None,
        )


def _check_format(content: dict[str, Any], url: str) -> None:
    if content["format"] != FORMAT:
        raise ValueError("it has another format")
    version = _number(content["format_version"])
    if version > FORMAT_VERSION:
        raise IndexFormatNotSupported(
            f"{url} was written by a newer Tidemark, in format version {version}; this one reads "
            f"{FORMAT_VERSION}; upgrade Tidemark to read it"
        )
    if version != FORMAT_VERSION:
        raise ValueError(f"there is no format version {version}")
    if content.pop("manifest_sha256") != _digest(content):
        raise ValueError("its digest does not match its content")


def _source(content: dict[str, Any]) -> RestoredPoint:
    if content["kind"] != _RESTORED:
        raise ValueError(f"its source {content['kind']!r} is unknown")
    return RestoredPoint(
        **{field.name: _text(content[field.name]) for field in dataclasses.fields(RestoredPoint)}
    )


def _part(content: dict[str, Any]) -> Part:
    names = ("size_min", "size_max", "mtime_us_min", "mtime_us_max")
    numbers: dict[str, Any] = {name: _number(content[name]) for name in names}
    return Part(
        **_file(content),
        **numbers,
        first=_key(content["first"]),
        last=_key(content["last"]),
    )


def _file(content: dict[str, Any]) -> dict[str, Any]:
    name = _text(content["file"])
    if not _SAFE_FILE.fullmatch(name):  # a manifest must not direct its reader to any other file
        raise ValueError(f"{name!r} is not a file name")
    size, rows = _number(content["bytes"]), _number(content["rows"])
    footer_offset = _number(content["footer_offset"])
    pages_end, pages_sha256 = content.get("page_index_offset"), content.get("page_index_sha256")
    if rows < 0 or not 0 <= footer_offset < size:
        raise ValueError(f"{name}: its footer is outside the file")
    if pages_end is not None and not 0 <= _number(pages_end) <= footer_offset:
        raise ValueError(f"{name}: its page index is outside the file")
    return {
        "file": name,
        "rows": rows,
        "bytes": size,
        "sha256": _sha256(content["sha256"]),
        "footer_offset": footer_offset,
        "footer_sha256": _sha256(content["footer_sha256"]),
        "page_index_offset": pages_end,
        "page_index_sha256": None if pages_end is None else _sha256(pages_sha256),
    }


def file_of(content: dict[str, Any]) -> File:
    """Return a file's entry from its JSON. Raises ValueError, KeyError, TypeError if it is invalid."""
    return File(**_file(content))


def _key(content: dict[str, Any]) -> Key:
    return Key(parent=_text(content["parent"]), name=_text(content["name"]))


def _numbers(kind: type[_Numbers], content: dict[str, Any]) -> _Numbers:
    return kind(**{field.name: _number(content[field.name]) for field in dataclasses.fields(kind)})


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return tuple(_text(entry) for entry in value)


def _sha256(value: object) -> str:
    if not _SHA256.fullmatch(_text(value)):
        raise ValueError(f"{value!r} is not a SHA-256")
    return _text(value)


def _time(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment


def _time_text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _digest(content: dict[str, Any]) -> str:
    """SHA-256 of the content as JSON without spaces, keys sorted, other characters as \\uNNNN."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
