"""Whether an index could not read a path."""

from __future__ import annotations

from tidemark.index.files.errors_file import unreadable_above
from tidemark.index.format.manifest import Manifest
from tidemark.index.query.browse import find_entry
from tidemark.index.storage.object_store import Store


def refused(store: Store, manifest: Manifest, directory: str) -> bool:
    """Return whether a directory of an index was not listed completely. Raises IndexDamaged."""
    whole = f"{directory.rstrip('/')}/"
    return unreadable_above(store, manifest, whole).nearest(whole) == whole


def could_not_read(store: Store, manifest: Manifest, path: str) -> bool:
    """Return whether a path is missing from an index because it was unreadable. Raises IndexDamaged."""
    whole = f"{path.rstrip('/')}/"
    unreadable = unreadable_above(store, manifest, whole)
    nearest = unreadable.nearest(whole) if unreadable else None
    if nearest in (None, whole) or not unreadable.broke_off(nearest):
        return nearest is not None
    below = whole.removeprefix(nearest).partition("/")[0]
    return find_entry(store, manifest, f"{nearest}{below}") is None
