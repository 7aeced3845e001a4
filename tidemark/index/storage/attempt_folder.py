"""The folder of one attempt at an index, so that no attempt overwrites files of another."""

from __future__ import annotations

import re

from tidemark.errors import IndexingFailed
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.storage.object_store import ObjectExists, Store

_NAME = re.compile(r"attempt-[0-9a-f]{8,32}")


class Folder:
    """The manifest's own folder, for a build without concurrent attempts, or a folder of one attempt in it.

    A worker that counted as dead may resume while its successor works. With a separate folder, and puts that
    replace nothing, it only leaves files that no manifest names.
    """

    def __init__(self, store: Store, identity: IndexIdentity, name: str = "") -> None:
        if name and not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a folder of an attempt")
        self._store, self._identity, self._name = store, identity, name

    def file(self, name: str) -> str:
        """Return a file's name in the manifest."""
        return f"{self._name}/{name}" if self._name else name

    def put(self, file: str, body: bytes | memoryview) -> None:
        """Put a file by its name in the manifest. Raises IndexingFailed if a different one exists."""
        key = self._identity.prefix + file
        if self._name:
            put_new(self._store, key, body)
        else:
            self._store.put(key, body)


def put_new(store: Store, key: str, body: bytes | memoryview) -> None:
    """Put an object without replacing another. Raises IndexingFailed if a different one exists.

    An equal one may exist, because the SDK retries a request whose response was lost.
    """
    try:
        store.put(key, body, only_if_absent=True)
    except ObjectExists as error:
        if store.get(key) != bytes(body):
            raise IndexingFailed(
                f"{store.url}/{key} exists already, with other content; start another session for a new index"
            ) from error
