"""Where the files of one attempt at an index are put, so that no attempt touches what another has written."""

from __future__ import annotations

import re

from tidemark.errors import IndexingFailed
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.storage.object_store import ObjectExists, Store

_NAME = re.compile(r"attempt-[0-9a-f]{8,32}")


class Folder:
    """Beside the manifest, for a build that has the index to itself; or a folder of an attempt's own there.

    A worker that was taken for dead may come back while its successor works. With a folder of its own, and
    puts that replace nothing, all that it leaves is files that no manifest names.
    """

    def __init__(self, store: Store, identity: IndexIdentity, name: str = "") -> None:
        if name and not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no folder of an attempt")
        self._store, self._identity, self._name = store, identity, name

    def file(self, name: str) -> str:
        """Return what the manifest calls a file."""
        return f"{self._name}/{name}" if self._name else name

    def put(self, file: str, body: bytes | memoryview) -> None:
        """Put a file by the manifest's name for it. Raises IndexingFailed where another is there."""
        key = self._identity.prefix + file
        if self._name:
            put_new(self._store, key, body)
        else:
            self._store.put(key, body)


def put_new(store: Store, key: str, body: bytes | memoryview) -> None:
    """Put an object that must not replace another one. Raises IndexingFailed where there is one that differs.

    It may be our own: the SDK repeats a request whose answer was lost.
    """
    try:
        store.put(key, body, only_if_absent=True)
    except ObjectExists as error:
        if store.get(key) != bytes(body):
            raise IndexingFailed(
                f"{store.url}/{key} exists already, with other content; start another session for a new index"
            ) from error
