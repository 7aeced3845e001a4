"""The repository that pages read, with the deployment if there is one, and what is remembered of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tidemark.answers.indexes import index_of, no_index_yet, whose
from tidemark.answers.recovery_points_of_index import RecoveryPointsOfIndex
from tidemark.aws.errors import translated
from tidemark.errors import IndexNotFound
from tidemark.index.format.manifest import Manifest
from tidemark.index.storage.catalog import list_indexes, no_index_of
from tidemark.index.storage.object_store import Store
from tidemark.web.stores import RememberingStore

if TYPE_CHECKING:
    from tidemark.answers.connection import Connection

_FRESH = timedelta(seconds=10)  # after this, the list of indexes is read again while the known one is used


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The complete indexes of the repository."""

    indexes: tuple[Manifest, ...]  # by file system, oldest first
    skipped: tuple[str, ...]  # a sentence for each index that cannot be read
    read_at: datetime


class Source:
    """What all pages read from. Methods may be called from several threads."""

    def __init__(
        self,
        store: Store,
        *,
        connection: Connection | None,
        repository_url: str | None,
        now: Callable[[], datetime],
    ) -> None:
        """`repository_url` is the one that the user gave; None: the deployment's."""
        self.store: Store = RememberingStore(store)
        self.connection = connection
        self.repository_url = repository_url
        self.now = now
        self._known: Known | None = None
        self._reading = threading.Lock()
        self._points: tuple[datetime, RecoveryPointsOfIndex] | None = None
        self.notes: list[str] = []  # about vaults that could not be listed

    @property
    def name(self) -> str:
        """What the pages show as their source."""
        return self.repository_url or f"deployment {self.connection.deployment if self.connection else ''}"

    @property
    def skipped(self) -> tuple[str, ...]:
        """A sentence for each index that could not be read; makes no request."""
        return self._known.skipped if self._known else ()

    def known(self) -> Known:
        """Return the indexes, at most some seconds old; reads them only for the first page."""
        known = self._known
        if known is None:
            with self._reading:
                return self._known or self._read()
        if self.now() - known.read_at > _FRESH and self._reading.acquire(blocking=False):
            threading.Thread(target=self._read_again, daemon=True).start()
        return known

    def indexes(self, file_system_id: str | None = None) -> list[Manifest]:
        """Return all indexes, or those of a file system, by file system and oldest first.

        Raises IndexNotFound if there are none.
        """
        found = [
            each for each in self.known().indexes if file_system_id in (None, each.identity.file_system_id)
        ]
        if not found:
            raise self._none_of(file_system_id)
        return found

    def newest(self, file_system_id: str | None = None) -> list[Manifest]:
        """Return the newest index of the file system, or of each. Raises IndexNotFound."""
        return list({whose(each): each for each in self.indexes(file_system_id)}.values())

    def index(self, index_id: str) -> Manifest:
        """Return an index by its id. Raises IndexNotFound."""
        for each in self.known().indexes:
            if each.index_id == index_id:
                return each
        return index_of(self.store, index_id)

    def series(self, index: Manifest) -> list[Manifest]:
        """Return all indexes of the file system of an index, oldest first."""
        return [each for each in self.known().indexes if whose(each) == whose(index)]

    def file_systems(self) -> list[str]:
        """Return the ids of the file systems with an index, sorted."""
        return sorted({each.identity.file_system_id for each in self.known().indexes})

    def index_points(self) -> RecoveryPointsOfIndex:
        """Return the recovery points of indexes, at most some seconds old."""
        now = self.now()
        if self._points is None or now - self._points[0] > _FRESH:
            self.notes.clear()
            self._points = now, RecoveryPointsOfIndex(self.connection, self._note)
        return self._points[1]

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _none_of(self, file_system_id: str | None) -> IndexNotFound:
        return no_index_yet(self.store) if file_system_id is None else no_index_of(self.store, file_system_id)

    def _read(self) -> Known:
        skipped: list[str] = []
        found = list_indexes(self.store, skip_index=lambda error: skipped.append(str(error)))
        self._known = Known(
            indexes=tuple(sorted(found, key=whose)), skipped=tuple(skipped), read_at=self.now()
        )
        return self._known

    def _read_again(self) -> None:
        try:
            with translated():
                self._read()
        finally:
            self._reading.release()
