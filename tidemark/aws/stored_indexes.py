"""The objects of a file system's indexes in the repository, as retention needs them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.aws.leftovers import BY_WORKERS, named_folders
from tidemark.aws.publication import MANIFEST
from tidemark.aws.s3_url import place_of
from tidemark.sessions.index_retention import Stored
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_HISTORY = "history.parquet"  # as tidemark/index/files names it
_EXACT = "indexes/"  # below a restore test


class _Object(NamedTuple):
    name: str  # below the folder of its index
    size_bytes: int
    modified_at: datetime


def stored_indexes(s3: S3Client, repository: str, file_system: FileSystem) -> dict[str, Stored]:
    """Return the objects of each index of a file system, by index id; also of those without a manifest.

    Costs one listing, and one GET for each index with files of several attempts.
    """
    bucket, prefix = place_of(repository)
    above = f"{prefix}indexes/{file_system}/"
    return {
        index_id: _stored(s3, bucket, f"{above}{index_id}/", objects)
        for index_id, objects in _by_folder(s3, bucket, above).items()
    }


def exact_indexes(s3: S3Client, repository: str, file_system: FileSystem) -> dict[str, Stored]:
    """Return the objects of the indexes of restored points, by restore id."""
    bucket, prefix = place_of(repository)
    found = _by_folder(s3, bucket, f"{prefix}restores/{file_system}/")
    exact = {
        restore_id: [each for each in objects if each.name.startswith(_EXACT)]
        for restore_id, objects in found.items()
    }
    return {restore_id: _sums(objects, has_manifest=True) for restore_id, objects in exact.items() if objects}


def indexed_file_systems(s3: S3Client, repository: str) -> Iterator[FileSystem]:
    """Yield the file systems that have objects of indexes or restores in a repository."""
    bucket, prefix = place_of(repository)
    found = set()
    for root in ("indexes", "restores"):
        for account in _folders(s3, bucket, f"{prefix}{root}/"):
            for region in _folders(s3, bucket, f"{prefix}{root}/{account}/"):
                for each in _folders(s3, bucket, f"{prefix}{root}/{account}/{region}/"):
                    found.add(FileSystem(account, region, each))
    yield from sorted(found)


class HistoryLogs:
    """The ids of a file system's indexes with a `history.parquet`: reads a manifest for each question."""

    def __init__(self, s3: S3Client, repository: str, file_system: FileSystem) -> None:
        self._s3 = s3
        self._bucket, prefix = place_of(repository)
        self._above = f"{prefix}indexes/{file_system}/"

    def __contains__(self, index_id: object) -> bool:
        """Return whether the manifest of an index names the log; False if it cannot be read."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=f"{self._above}{index_id}/{MANIFEST}")
            content: Any = json.loads(answer["Body"].read())
            return any(str(file["file"]).rpartition("/")[2] == _HISTORY for file in content["side_files"])
        except ClientError as error:
            if code_of(error) not in {"NoSuchKey", "AccessDenied"}:  # S3 returns either for a missing object
                raise
        except (ValueError, KeyError, TypeError):
            pass
        return False


def _stored(s3: S3Client, bucket: str, whole: str, objects: list[_Object]) -> Stored:
    has_manifest = any(each.name == MANIFEST for each in objects)
    leftovers: dict[str, int] = {}
    if has_manifest:
        sizes = {each.name: each.size_bytes for each in objects}
        by_workers = [match for match in map(BY_WORKERS.fullmatch, sizes) if match]
        attempts = {match["folder"] for match in by_workers if (match["folder"] or "").startswith("attempt-")}
        # One attempt is the manifest's own.
        needed = named_folders(s3, bucket, f"{whole}{MANIFEST}") if len(attempts) > 1 else attempts
        if needed is not None:
            leftovers = {match[0]: sizes[match[0]] for match in by_workers if match["folder"] not in needed}
    return _sums(objects, has_manifest=has_manifest, leftovers=leftovers)


def _sums(objects: list[_Object], *, has_manifest: bool, leftovers: dict[str, int] | None = None) -> Stored:
    return Stored(
        has_manifest=has_manifest,
        objects=len(objects),
        size_bytes=sum(each.size_bytes for each in objects),
        modified_at=max(each.modified_at for each in objects),
        leftovers=leftovers or {},
    )


def _by_folder(s3: S3Client, bucket: str, above: str) -> dict[str, list[_Object]]:
    found: dict[str, list[_Object]] = defaultdict(list)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=above):
        for each in page.get("Contents", []):
            folder, _, name = each["Key"].removeprefix(above).partition("/")
            if name:
                found[folder].append(_Object(name, each["Size"], each["LastModified"]))
    return found


def _folders(s3: S3Client, bucket: str, above: str) -> Iterable[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=above, Delimiter="/"):
        for folder in page.get("CommonPrefixes", []):
            yield folder["Prefix"].removeprefix(above).rstrip("/")
