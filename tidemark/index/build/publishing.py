"""Proposes and publishes manifests: a worker proposes one, and the lease holder publishes it.

Files become an index only when a manifest is published. A worker that has lost its lease can still write into
its own folder, but not create an index. `tidemark/aws/publication.py` publishes proposals.
"""

from __future__ import annotations

import dataclasses
import hashlib

from tidemark.errors import IndexDamaged, IndexFormatNotSupported
from tidemark.index.format.manifest import MANIFEST, PROPOSAL, IndexIdentity, Manifest
from tidemark.index.storage.attempt_folder import Folder, put_new
from tidemark.index.storage.object_store import ObjectMissing, Store


def publish(store: Store, manifest: Manifest) -> None:
    """Publish the manifest of a build without concurrent attempts. Raises IndexingFailed if one exists."""
    put_new(store, manifest.identity.prefix + MANIFEST, manifest.to_json())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A manifest in the repository, published or proposed."""

    key: str
    sha256: str
    manifest: Manifest


def propose(store: Store, manifest: Manifest, folder: Folder) -> None:
    """Put a manifest into its attempt's folder, which readers do not search."""
    folder.put(folder.file(PROPOSAL), manifest.to_json())


def find_written(store: Store, identity: IndexIdentity) -> Written | None:
    """Return the manifest that an earlier attempt has published or proposed, or None.

    An unreadable proposal is ignored.
    """
    keys = store.list_keys(identity.prefix)
    whole = [key for key in keys if key == identity.prefix + MANIFEST]
    for key in whole + [key for key in keys if key.endswith(f"/{PROPOSAL}")]:
        try:
            body = store.get(key)
            manifest = Manifest.from_json(body, f"{store.url}/{key}")
        except (ObjectMissing, IndexDamaged, IndexFormatNotSupported):
            continue
        if manifest.identity == identity:
            return Written(key=key, sha256=hashlib.sha256(body).hexdigest(), manifest=manifest)
    return None
