"""Lists and opens the indexes of a repository."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from tidemark.errors import IndexDamaged, IndexFormatNotSupported, IndexNotFound
from tidemark.index.format.manifest import MANIFEST, IndexIdentity, Manifest
from tidemark.index.storage.object_store import ObjectMissing, Store

_ROOT = "indexes/"
# Called with the error of each skipped index: its manifest is damaged, or a newer Tidemark wrote it.
SkipIndex = Callable[[IndexDamaged | IndexFormatNotSupported], None]


def list_indexes(
    store: Store, file_system_id: str | None = None, skip_index: SkipIndex | None = None
) -> list[Manifest]:
    """Return the complete indexes of a repository, or of one file system in it, oldest first.

    Costs one listing per level and one GET per index. An index that is being written, or was left by a
    crash, has no manifest and is not listed. Raises IndexDamaged and IndexFormatNotSupported if a manifest
    cannot be read, unless `skip_index` is given.
    """
    found = list(identities(store, file_system_id))
    with ThreadPoolExecutor(store.at_once) as pool:
        read = pool.map(lambda each: manifest_or_none(store, each, skip_index), found)
        manifests = [manifest for manifest in read if manifest]
    return _oldest_first(manifests)


def newest_index(store: Store, file_system_id: str, skip_index: SkipIndex | None = None) -> Manifest:
    """Return a file system's newest complete index. Raises IndexNotFound, and those of `list_indexes`."""
    # An index id contains its time of creation, so the newest is the last by name.
    for identity in sorted(identities(store, file_system_id), key=lambda each: each.index_id, reverse=True):
        if manifest := manifest_or_none(store, identity, skip_index):
            return manifest
    raise no_index_of(store, file_system_id)


def newest_indexes(store: Store, skip_index: SkipIndex | None = None) -> list[Manifest]:
    """Return the newest complete index of each file system, oldest first.

    Costs one listing per level and one GET per file system. Raises the errors of `list_indexes`.
    """
    found: dict[tuple[str, str, str], Manifest] = {}
    for identity in sorted(identities(store, None), key=lambda each: each.index_id, reverse=True):
        if identity.file_system not in found and (manifest := manifest_or_none(store, identity, skip_index)):
            found[identity.file_system] = manifest
    return _oldest_first(found.values())


def index_before(store: Store, identity: IndexIdentity) -> Manifest | None:
    """Return the file system's newest complete index other than this one, or None.

    Raises IndexDamaged and IndexFormatNotSupported if its manifest cannot be read. Reads only below the file
    system's own prefix, because a worker may read nothing else.
    """
    beside = identity.prefix.removesuffix(f"{identity.index_id}/")
    for index_id in sorted(store.list_folders(beside), reverse=True):
        if index_id != identity.index_id:
            manifest = _read(store, dataclasses.replace(identity, index_id=index_id))
            if manifest is not None:
                return manifest
    return None


def open_index(store: Store, index_id: str) -> Manifest:
    """Return the manifest of one index, found by its id alone.

    Raises IndexNotFound; IndexDamaged and IndexFormatNotSupported if it cannot be read.
    """
    for identity in identities(store, index_id.rsplit("-", 2)[0], index_id):
        if manifest := _read(store, identity):
            return manifest
    raise IndexNotFound(
        f"{store.url} has no complete index {index_id!r}; "
        f"list its indexes with: tidemark index list --repository {store.url}"
    )


def read_manifest(store: Store, identity: IndexIdentity) -> Manifest:
    """Return the manifest of an index by its identity, with one GET. Raises as `open_index` does."""
    manifest = _read(store, identity)
    if manifest is None:
        raise IndexNotFound(
            f"{store.url} has no complete index {identity.index_id}; it is still running, or has failed"
        )
    return manifest


def manifest_or_none(
    store: Store, identity: IndexIdentity, skip_index: SkipIndex | None = None
) -> Manifest | None:
    """Return a manifest; None if there is none, or if it cannot be read and `skip_index` is given.

    Raises IndexDamaged and IndexFormatNotSupported if `skip_index` is None.
    """
    try:
        return _read(store, identity)
    except (IndexDamaged, IndexFormatNotSupported) as error:
        if skip_index is None:
            raise
        skip_index(error)
        return None


def identities(
    store: Store, file_system_id: str | None = None, index_id: str | None = None
) -> Iterator[IndexIdentity]:
    """Yield the identities of possible indexes, oldest first per file system. They may lack a manifest."""
    for account in store.list_folders(_ROOT):
        for region in store.list_folders(f"{_ROOT}{account}/"):
            below = f"{_ROOT}{account}/{region}/"
            file_systems = store.list_folders(below) if file_system_id is None else [file_system_id]
            for file_system in file_systems:
                ids = store.list_folders(f"{below}{file_system}/") if index_id is None else [index_id]
                for each in ids:
                    yield IndexIdentity(
                        account=account, region=region, file_system_id=file_system, index_id=each
                    )


def _oldest_first(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return the indexes ordered by id within a file system, and by crawl time across file systems."""
    by_id = sorted(manifests, key=lambda each: (each.identity.file_system, each.index_id))
    groups = [list(group) for _, group in groupby(by_id, key=lambda each: each.identity.file_system)]
    # heapq.merge never changes the order within a group.
    return list(heapq.merge(*groups, key=lambda each: each.crawl_started_at))


def no_index_of(store: Store, file_system_id: str) -> IndexNotFound:
    """Return the error for a file system without an index."""
    return IndexNotFound(
        f"{store.url} has no index of {file_system_id}; "
        f"list its indexes with: tidemark index list --repository {store.url}"
    )


def _read(store: Store, identity: IndexIdentity) -> Manifest | None:
    key = f"{identity.prefix}{MANIFEST}"
    try:
        manifest = Manifest.from_json(store.get(key), f"{store.url}/{key}")
    except ObjectMissing:
        return None
    if manifest.identity != identity:
        raise IndexDamaged(
            f"{store.url}/{key} is the manifest of {manifest.identity.prefix}; move it back, or remove it"
        )
    return manifest
