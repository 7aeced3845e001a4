"""Publishes an index: writes the manifest that the worker has proposed.

Used by the Lambda that holds the lease. It reads no Parquet and does not import `tidemark/index`, whose
`publishing.py` is the worker's side.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of, is_taken
from tidemark.aws.s3_url import place_of
from tidemark.damage.document import DamageDocument
from tidemark.errors import IndexingFailed
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


MANIFEST = "manifest.json"  # as tidemark/index/format/manifest.py names it


def read_proposal(
    s3: S3Client, repository: str, file_system: FileSystem, index_id: str, *, key: str, sha256: str
) -> bytes:
    """Return the manifest that the worker of an index proposed, with the key and digest that it reported.

    `key` is relative to the repository, `s3://bucket/prefix`. Raises IndexingFailed if the manifest is
    missing, has a different digest, or is of another index.
    """
    url = f"{repository.rstrip('/')}/{key}"
    if not key.startswith(f"indexes/{file_system}/{index_id}/"):
        raise IndexingFailed(f"{url} is not a valid key for the index {index_id}; run the session again")
    try:
        body = _get(s3, repository, key)
    except ClientError as error:
        if code_of(error) not in {"NoSuchKey", "AccessDenied"}:  # S3 returns either for a missing object
            raise
        raise IndexingFailed(f"{url} cannot be read ({code_of(error)}); run the session again") from error
    if hashlib.sha256(body).hexdigest() != sha256:
        raise IndexingFailed(
            f"{url} does not match the digest that its worker reported; find out what replaced it, then run "
            f"the session again"
        )
    fields = ("account", "region", "file_system_id", "index_id")
    content = json.loads(body)
    if [content.get(field) for field in fields] != [*str(file_system).split("/"), index_id]:
        raise IndexingFailed(f"{url} is the manifest of another index than {index_id}; run the session again")
    return body


def publish(s3: S3Client, repository: str, file_system: FileSystem, index_id: str, manifest: bytes) -> str:
    """Write the manifest of an index and return its key. Idempotent.

    Raises IndexingFailed if a different manifest exists: a manifest is never replaced.
    """
    key = f"indexes/{file_system}/{index_id}/{MANIFEST}"
    bucket, prefix = place_of(repository)
    try:
        s3.put_object(
            Bucket=bucket,
            Key=prefix + key,
            Body=manifest,
            ContentType="application/json",
            IfNoneMatch="*",
        )
    except ClientError as error:
        if not is_taken(error):
            raise
        if _get(s3, repository, key) != manifest:
            raise IndexingFailed(
                f"{repository.rstrip('/')}/{key} already exists with other content; find out what wrote it, "
                f"then run the session again"
            ) from error
    return key


def read_damage_document(
    s3: S3Client, repository: str, file_system: FileSystem, index_id: str, *, key: str
) -> DamageDocument:
    """Return the record about damage of a complete index, by the key that its worker reported.

    Raises IndexingFailed if it is missing, damaged, or of another index.
    """
    url = f"{repository.rstrip('/')}/{key}"
    if not key.startswith(f"indexes/{file_system}/{index_id}/"):
        raise IndexingFailed(f"{url} is not a file of the index {index_id}; run the session again")
    try:
        document = DamageDocument.from_json(_get(s3, repository, key))
    except ValueError as error:
        raise IndexingFailed(f"{url} is no record about damage: {error}; run the session again") from error
    except ClientError as error:
        if code_of(error) not in {"NoSuchKey", "AccessDenied"}:
            raise
        raise IndexingFailed(f"{url} cannot be read ({code_of(error)}); run the session again") from error
    if document.index_id != index_id:
        raise IndexingFailed(f"{url} is the record of {document.index_id}; run the session again")
    return document


def _get(s3: S3Client, repository: str, key: str) -> bytes:
    bucket, prefix = place_of(repository)
    return s3.get_object(Bucket=bucket, Key=prefix + key)["Body"].read()
