"""Removes files that workers leave in the repository: those of lost attempts, checkpoints, progress.

A worker that counted as dead may resume and write, even after its index has ended. So the end of each
indexing session checks the file system's last few indexes again.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tidemark.aws.publication import MANIFEST
from tidemark.aws.s3_url import place_of
from tidemark.sessions.indexing import IndexStatus
from tidemark.sessions.records import read_index
from tidemark.sessions.session import FileSystem
from tidemark.sessions.transactions import Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LOG = logging.getLogger(__name__)
# A lost worker's heartbeat is refused within minutes, so daily and weekly sessions both find its files.
LAST_INDEXES = 3
# Keys that a worker's role may write; see infra/repository.py. The first versions stored an index's files
# next to its manifest, which does not match.
BY_WORKERS = re.compile(r"(?P<folder>attempt-[0-9a-f]+|checkpoint)/.+|progress\.json")


def remove_leftovers(s3: S3Client, records: Store, repository: str, file_system: FileSystem) -> list[str]:
    """Remove files that do not belong to the file system's last indexes; return their keys.

    Skips indexes in progress, and those whose manifest cannot be read. The bucket keeps noncurrent versions
    for a while, so a removal can be undone. Raises AWS errors.
    """
    bucket, prefix = place_of(repository)
    above = f"{prefix}indexes/{file_system}/"
    removed: list[str] = []
    for index_id in sorted(_folders(s3, bucket, above), reverse=True)[:LAST_INDEXES]:
        index = read_index(records, file_system, index_id)
        if index is None or index.status is IndexStatus.RUNNING:
            continue
        whole = f"{above}{index_id}/"
        for name in _leftovers(s3, bucket, whole):
            s3.delete_object(Bucket=bucket, Key=whole + name)
            removed.append(whole + name)
    return removed


def _leftovers(s3: S3Client, bucket: str, whole: str) -> list[str]:
    names = [key.removeprefix(whole) for key in _keys(s3, bucket, whole)]
    # Listed first: if ListBucket is limited to a prefix, S3 returns AccessDenied for missing objects.
    needed = named_folders(s3, bucket, f"{whole}{MANIFEST}") if MANIFEST in names else frozenset()
    if needed is None:
        return []
    by_workers = filter(None, map(BY_WORKERS.fullmatch, names))
    return [found[0] for found in by_workers if found["folder"] not in needed]


def named_folders(s3: S3Client, bucket: str, key: str) -> frozenset[str] | None:
    """Return the folders of the files that a manifest names; None if it cannot be parsed."""
    content: Any = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        content = json.loads(content)
        files = (*content["parts"], *content["side_files"])
        return frozenset(str(file["file"]).rpartition("/")[0] for file in files)
    except (ValueError, KeyError, TypeError) as error:
        _LOG.warning("s3://%s/%s is not a manifest: %s", bucket, key, error)
        return None


def _folders(s3: S3Client, bucket: str, above: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=above, Delimiter="/"):
        for folder in page.get("CommonPrefixes", []):
            yield folder["Prefix"].removeprefix(above).rstrip("/")


def _keys(s3: S3Client, bucket: str, below: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below):
        for found in page.get("Contents", []):
            yield found["Key"]
