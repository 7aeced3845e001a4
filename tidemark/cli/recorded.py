"""What a deployment's records say of an index: the digest that its manifest had when it was published."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import is_denied
from tidemark.errors import IndexDamaged
from tidemark.sessions.items import read_index
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:
    from tidemark.cli.connection import Connection
    from tidemark.index.manifest import Manifest
    from tidemark.index.store import Store


def refuse_replaced(connection: Connection, repository: Store, manifest: Manifest) -> None:
    """Raise IndexDamaged where an index's manifest is not the one that was published.

    All other digests stand in the manifest, so that whoever replaces everything is noticed here only. Nothing
    is compared for an index that the deployment has not recorded, or where these credentials may not read the
    records.
    """
    identity = manifest.identity
    file_system = FileSystem(identity.account, identity.region, identity.file_system_id)
    try:
        record = read_index(connection.records, file_system, manifest.index_id)
    except ClientError as error:
        if is_denied(error):  # who may read the repository only compares nothing
            return
        raise
    known = record.totals.get("manifest_sha256") if record else None
    if known is not None and known != hashlib.sha256(repository.get(manifest.key)).hexdigest():
        raise IndexDamaged(
            f"{repository.url}/{manifest.key} is not the manifest that was published; somebody has replaced "
            f"it: restore that version of the object, and find out who"
        )
