"""Reading pieces of an index's files, with the file's name in every error."""

from __future__ import annotations

import hashlib

from tidemark.errors import IndexDamaged
from tidemark.index.manifest import File, Manifest
from tidemark.index.store import ObjectMissing, Store


def url_of(store: Store, manifest: Manifest, file: File) -> str:
    """Return where a file of an index is, for people."""
    return f"{store.url}/{manifest.identity.prefix}{file.file}"


def damaged(store: Store, manifest: Manifest, file: File, how: str) -> IndexDamaged:
    """Return the error of a file that is missing or not what was written."""
    return IndexDamaged(
        f"{url_of(store, manifest, file)} {how}; "
        f"use another index of this file system, or run its policy to make a new one"
    )


def read_range(store: Store, manifest: Manifest, file: File, offset: int, length: int) -> bytes:
    """Return a piece of a file, whole. Raises IndexDamaged."""
    try:
        found = store.get_range(manifest.identity.prefix + file.file, offset, length)
    except ObjectMissing as error:
        raise damaged(store, manifest, file, "is missing") from error
    if len(found) != length:
        raise damaged(store, manifest, file, "is damaged: it is shorter than it was written")
    return found


def read_footer(store: Store, manifest: Manifest, file: File) -> bytes:
    """Return the end of a file, from `footer_offset`, checked. Raises IndexDamaged."""
    length = file.bytes - file.footer_offset
    try:
        # One byte more than there should be tells a file that has grown.
        found = store.get_range(manifest.identity.prefix + file.file, file.footer_offset, length + 1)
    except ObjectMissing as error:
        raise damaged(store, manifest, file, "is missing") from error
    if len(found) != length:
        raise damaged(store, manifest, file, f"is damaged: it is not {file.bytes} bytes long")
    if hashlib.sha256(found).hexdigest() != file.footer_sha256:
        raise damaged(store, manifest, file, "is damaged: its end is not what was written")
    return found
