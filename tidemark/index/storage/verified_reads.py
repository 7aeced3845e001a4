"""Reads ranges of an index's files, with the file's name in every error."""

from __future__ import annotations

import hashlib

from tidemark.errors import IndexDamaged
from tidemark.index.format.manifest import File, Manifest
from tidemark.index.storage.object_store import ObjectMissing, Store


def url_of(store: Store, manifest: Manifest, file: File) -> str:
    """Return the URL of an index's file, for messages."""
    return f"{store.url}/{manifest.identity.prefix}{file.file}"


def damaged(store: Store, manifest: Manifest, file: File, how: str) -> IndexDamaged:
    """Return the error for a missing or altered file."""
    return IndexDamaged(
        f"{url_of(store, manifest, file)} {how}; check the whole index with: "
        f"tidemark index verify {manifest.index_id} --repository {store.url}; or choose another index from: "
        f"tidemark index list --file-system {manifest.identity.file_system_id} --repository {store.url}"
    )


def read_range(store: Store, manifest: Manifest, file: File, offset: int, length: int) -> bytes:
    """Return a full byte range of a file. Raises IndexDamaged."""
    try:
        found = store.get_range(manifest.identity.prefix + file.file, offset, length)
    except ObjectMissing as error:
        raise damaged(store, manifest, file, "is missing") from error
    if len(found) != length:
        raise damaged(store, manifest, file, "is damaged: it is shorter than it was written")
    return found


def read_end(
    store: Store, manifest: Manifest, file: File, *, with_pages: bool = False
) -> tuple[bytes, bytes | None]:
    """Return a file's end from `footer_offset`, verified, and its page index, if requested and present.

    Costs one request. Raises IndexDamaged.
    """
    begin = file.footer_offset
    if with_pages and file.page_index_offset is not None:
        begin = file.page_index_offset
    length = file.bytes - begin
    try:
        # One extra byte detects a file that has grown.
        found = store.get_range(manifest.identity.prefix + file.file, begin, length + 1)
    except ObjectMissing as error:
        raise damaged(store, manifest, file, "is missing") from error
    if len(found) != length:
        raise damaged(store, manifest, file, f"is damaged: it is not {file.bytes} bytes long")
    pages, footer = found[: file.footer_offset - begin], found[file.footer_offset - begin :]
    for piece, digest in ((footer, file.footer_sha256), (pages, file.page_index_sha256 if pages else None)):
        if digest is not None and hashlib.sha256(piece).hexdigest() != digest:
            raise damaged(store, manifest, file, "is damaged: its end is not what was written")
    return footer, pages or None
