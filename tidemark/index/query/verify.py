"""Reads a whole index and reports what is wrong with it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator

from tidemark.errors import IndexDamaged
from tidemark.index.files.changes import with_parent_dictionary
from tidemark.index.format.manifest import File, Key, Manifest, Part
from tidemark.index.reading.part_reader import ROW_COLUMNS, ParquetReader
from tidemark.index.rows.totals import Counter
from tidemark.index.storage.object_store import ObjectMissing, Store
from tidemark.index.storage.verified_reads import url_of


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem with an index."""

    url: str  # the file's URL
    what: str


def verify(store: Store, manifest: Manifest) -> Iterator[Finding]:
    """Read every file of an index and yield its problems; none if it is intact.

    Checks sizes and digests of all files; for parts also the order, first and last rows, extremes and the
    manifest's totals. Downloads the whole index.
    """
    counter = Counter()
    before: Key | None = None
    whole = True
    for file in [*manifest.parts, *manifest.side_files]:
        findings = list(_digest(store, manifest, file))
        if not findings and isinstance(file, Part):
            try:
                findings = list(_content(store, manifest, file, before, counter))
            except IndexDamaged as error:
                findings = [_finding(store, manifest, file, str(error))]
            before = file.last
        whole = whole and not findings
        yield from findings
    counted, said = counter.totals(), manifest.totals
    if whole:  # otherwise the sum cannot be right
        for name in ("entries", "files", "directories", "others", "bytes"):
            if getattr(counted, name) != getattr(said, name):
                what = (
                    f"gives {getattr(said, name):,} as {name}, but the parts have {getattr(counted, name):,}"
                )
                yield Finding(url=f"{store.url}/{manifest.key}", what=what)


def _digest(store: Store, manifest: Manifest, file: File) -> Iterator[Finding]:
    try:
        body = store.get(manifest.identity.prefix + file.file)
    except ObjectMissing:
        yield _finding(store, manifest, file, "is missing")
        return
    if len(body) != file.bytes:
        yield _finding(store, manifest, file, f"has {len(body):,} instead of {file.bytes:,} bytes")
    elif hashlib.sha256(body).hexdigest() != file.sha256:
        yield _finding(store, manifest, file, "was altered: its SHA-256 differs")


def _content(
    store: Store, manifest: Manifest, part: Part, before: Key | None, counter: Counter
) -> Iterator[Finding]:
    reader = ParquetReader(store, manifest, part)
    last = before
    for row_group in range(reader.row_groups):
        rows = with_parent_dictionary(reader.read(row_group, ROW_COLUMNS))
        counter.add(rows)
        parents, names = rows.column("parent").to_pylist(), rows.column("name").to_pylist()
        for parent, name in zip(parents, names, strict=True):
            key = Key(parent=parent, name=name)
            if last is not None and not last < key:
                yield _finding(store, manifest, part, f"is not in order at {parent + name!r}")
                return
            last = key
        if row_group == 0 and Key(parent=parents[0], name=names[0]) != part.first:
            yield _finding(store, manifest, part, "does not begin with the manifest's first row")
    if last != part.last:
        yield _finding(store, manifest, part, "does not end with the manifest's last row")


def _finding(store: Store, manifest: Manifest, file: File, what: str) -> Finding:
    return Finding(url=url_of(store, manifest, file), what=what)
