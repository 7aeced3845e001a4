"""The recovery points of a file system, as AWS Backup has them in every Region of a deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import code_of
from tidemark.aws.points import all_tags
from tidemark.errors import VaultNotFound
from tidemark.sessions.session import FileSystem
from tidemark.tags import OpenedTags, open_tags

if TYPE_CHECKING:
    from mypy_boto3_backup.type_defs import RecoveryPointByBackupVaultTypeDef

_AT_ONCE = 8  # ListTags requests in flight


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPoint:
    """A recovery point or copy in a vault, with what its tags say."""

    recovery_point_arn: str
    region: str
    vault: str
    status: str  # AWS Backup's own word
    created_at: datetime  # of a copy: when the point it was copied from was made
    delete_at: datetime | None  # None keeps for ever
    size_bytes: int
    is_copy: bool
    tags: OpenedTags


def recovery_points_of(
    clients: Clients,
    file_system: FileSystem,
    *,
    vaults: Mapping[str, str],
    keys: Mapping[int, bytes],
    deployment: str,
) -> list[RecoveryPoint]:
    """Return the points of a file system in these vaults (Region -> name), newest first, copies last.

    Points that others made are among them, without metadata. Raises VaultNotFound.
    """
    found = [
        (region, vault, point)
        for region, vault in vaults.items()
        for point in _list(clients, region, vault, file_system)
    ]
    for region in vaults:
        clients.of("backup", region)  # made here: making clients is not safe in threads, using them is

    def read(each: tuple[str, str, RecoveryPointByBackupVaultTypeDef]) -> RecoveryPoint:
        region, vault, point = each
        tags = _tags(clients, region, point["RecoveryPointArn"])
        return RecoveryPoint(
            recovery_point_arn=point["RecoveryPointArn"],
            region=region,
            vault=vault,
            status=point["Status"],
            created_at=point["CreationDate"],
            delete_at=point.get("CalculatedLifecycle", {}).get("DeleteAt"),
            size_bytes=point.get("BackupSizeInBytes", 0),
            is_copy=region != file_system.region or "SourceBackupVaultArn" in point,
            tags=open_tags(tags, file_system=file_system.arn, keys=keys, deployment=deployment),
        )

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        points = list(pool.map(read, found))
    points.sort(key=lambda point: (point.is_copy, point.region))
    return sorted(points, key=lambda point: point.created_at, reverse=True)


def arns_of(clients: Clients, file_system: FileSystem, vaults: Mapping[str, str]) -> set[str]:
    """Return the ARNs of a file system's points that are in these vaults (Region -> name) now.

    Raises VaultNotFound.
    """
    return {
        point["RecoveryPointArn"]
        for region, vault in vaults.items()
        for point in _list(clients, region, vault, file_system)
    }


def _list(
    clients: Clients, region: str, vault: str, file_system: FileSystem
) -> Iterator[RecoveryPointByBackupVaultTypeDef]:
    pages = clients.of("backup", region).get_paginator("list_recovery_points_by_backup_vault")
    try:
        for page in pages.paginate(BackupVaultName=vault, ByResourceArn=file_system.arn):
            yield from page["RecoveryPoints"]
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            raise VaultNotFound(vault, region) from error
        raise


def _tags(clients: Clients, region: str, recovery_point_arn: str) -> dict[str, str]:
    """Return all tags of a point; of one that has been deleted meanwhile, none."""
    try:
        return all_tags(clients.of("backup", region), recovery_point_arn)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return {}
