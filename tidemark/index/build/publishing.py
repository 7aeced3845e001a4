"""From a worker's files to an index: a worker proposes a manifest, and whoever holds the lease publishes it.

Only the manifest makes an index. A worker that has lost its lease may still write what it likes into its own
folder; it cannot make an index of it. `tidemark/aws/publication.py` publishes what is proposed here.
"""

from __future__ import annotations

import dataclasses
import hashlib

from tidemark.errors import IndexDamaged, IndexFormatNotSupported
from tidemark.index.format.manifest import MANIFEST, PROPOSAL, IndexIdentity, Manifest
from tidemark.index.storage.attempt_folder import Folder, put_new
from tidemark.index.storage.object_store import ObjectMissing, Store


def publish(store: Store, manifest: Manifest) -> None:
    """Make an index of a build that has it to itself. Raises IndexingFailed where there is another."""
    put_new(store, manifest.identity.prefix + MANIFEST, manifest.to_json())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A manifest in the repository, published or proposed."""

    key: str
    sha256: str
    manifest: Manifest


def propose(store: Store, manifest: Manifest, folder: Folder) -> None:
    """Put a manifest into its attempt's folder, where no reader looks for one."""
    folder.put(folder.file(PROPOSAL), manifest.to_json())


def find_written(store: Store, identity: IndexIdentity) -> Written | None:
    """Return what an attempt before has published or proposed, or None.

    A manifest that cannot be read is no proposal.
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
