"""A deployment's repository that shows only indexes recorded as complete."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from botocore.exceptions import ClientError

from tidemark.aws.errors import is_denied
from tidemark.errors import IndexDamaged
from tidemark.index.storage.object_store import ObjectMissing
from tidemark.index.storage.object_store import Store as Repository
from tidemark.sessions.indexing import Index, IndexStatus
from tidemark.sessions.records import read_index
from tidemark.sessions.session import FileSystem
from tidemark.sessions.transactions import Store


class RecordedRepository:
    """Compares each manifest with the record of its index; delegates everything else to the repository.

    All other digests of an index are in its manifest, so only this check detects an index that was replaced
    as a whole. An index without a record is returned unchecked, because the tables may be lost and the
    repository may hold indexes from elsewhere. Every index is returned unchecked if the caller may not read
    the records.
    """

    def __init__(self, repository: Repository, records: Store) -> None:
        self._repository = repository
        self._records = records
        self._may_read_records = True
        self.url = repository.url
        self.at_once = repository.at_once

    def get(self, key: str) -> bytes:
        """Return a complete object.

        Raises ObjectMissing, also for the manifest of an index that is recorded as running or failed, and
        IndexDamaged for a manifest that is not the one that was published.
        """
        from tidemark.index.format.manifest import MANIFEST  # imports pyarrow

        body = self._repository.get(key)
        folder, _, name = key.rpartition("/")
        if name == MANIFEST and (record := self._record(folder)):
            if record.status is not IndexStatus.COMPLETE:
                raise ObjectMissing(key)
            published = record.manifest_sha256
            if published is not None and published != hashlib.sha256(body).hexdigest():
                raise IndexDamaged(
                    f"{self.url}/{key} is not the manifest that was published: it has been replaced; "
                    f"restore the earlier version of the object, and find out why it was replaced"
                )
        return body

    def put(self, key: str, body: bytes | memoryview, *, only_if_absent: bool = False) -> None:
        """Write an object."""
        self._repository.put(key, body, only_if_absent=only_if_absent)

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a piece of an object."""
        return self._repository.get_range(key, offset, length)

    def discard(self, key: str) -> None:
        """Discard the content of an object."""
        self._repository.discard(key)

    def list_keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix."""
        return self._repository.list_keys(prefix)

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Return the names directly below a prefix."""
        return self._repository.list_folders(prefix)

    def _record(self, folder: str) -> Index | None:
        """Return the record of the index in `folder`, which is indexes/<account>/<Region>/<fs>/<index>."""
        parts = folder.split("/")
        if not self._may_read_records or len(parts) != 5:
            return None
        _, account, region, file_system_id, index_id = parts
        try:
            return read_index(self._records, FileSystem(account, region, file_system_id), index_id)
        except ClientError as error:
            if not is_denied(error):
                raise
            self._may_read_records = False
            return None
