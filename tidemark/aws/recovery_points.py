"""Lists a file system's recovery points in every Region of a deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import code_of, is_denied, message_of
from tidemark.aws.point_tags import all_tags
from tidemark.aws.tag_keys import TagKeys
from tidemark.aws.vaults import vault_error
from tidemark.errors import TagKeyDamaged, TidemarkError
from tidemark.sessions.session import FileSystem
from tidemark.tags import OpenedTags, open_tags, unreadable_tags

if TYPE_CHECKING:
    from mypy_boto3_backup.type_defs import RecoveryPointByBackupVaultTypeDef

_AT_ONCE = 8  # ListTags requests in flight


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPoint:
    """A recovery point or copy in a vault, with its opened tags."""

    recovery_point_arn: str
    region: str
    vault: str
    status: str  # AWS Backup's status
    created_at: datetime  # for a copy, when its source was created
    completed_at: datetime | None = None  # when its backup or copy ended
    delete_at: datetime | None  # None keeps forever
    cold_at: datetime | None = None  # when it moves to cold storage; None: never
    size_bytes: int
    is_copy: bool
    tags: OpenedTags
    # The account of a vault in another account, whose points are those that the records contain.
    recorded_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """A vault whose points could not be listed, and the error: it does not exist, or access is denied."""

    region: str
    vault: str
    error: TidemarkError  # VaultNotFound or AccessDenied


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The points of a file system, and the vaults that may hold more."""

    points: list[RecoveryPoint]
    unlisted: list[Unlisted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The ARNs of the points that vaults hold now, and the vaults that may hold more."""

    arns: frozenset[str]
    unlisted: list[Unlisted]


def recovery_points_of(
    clients: Clients,
    file_system: FileSystem,
    *,
    vaults: Mapping[str, str],
    keys: TagKeys,
    deployment: str,
) -> Listing:
    """Return the points of a file system in these vaults (Region -> name), newest first, copies last.

    Includes points made by other tools, without metadata. A vault that does not exist or denies access does
    not prevent the others from being listed.
    """
    found, unlisted = _list_all(clients, vaults, file_system)
    for region in vaults:
        clients.of("backup", region)  # created here: using clients is thread-safe, creating them is not

    def read(each: tuple[str, str, RecoveryPointByBackupVaultTypeDef]) -> RecoveryPoint:
        region, vault, point = each
        arn = point["RecoveryPointArn"]
        return RecoveryPoint(
            recovery_point_arn=arn,
            region=region,
            vault=vault,
            status=point["Status"],
            created_at=point["CreationDate"],
            completed_at=point.get("CompletionDate"),
            delete_at=point.get("CalculatedLifecycle", {}).get("DeleteAt"),
            cold_at=point.get("CalculatedLifecycle", {}).get("MoveToColdStorageAt"),
            size_bytes=point.get("BackupSizeInBytes", 0),
            is_copy=region != file_system.region or "SourceBackupVaultArn" in point,
            tags=_opened(clients, region, arn, file_system=file_system.arn, keys=keys, deployment=deployment),
        )

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        points = list(pool.map(read, found))
    points.sort(key=lambda point: (point.is_copy, point.region))
    points.sort(key=lambda point: point.created_at, reverse=True)
    return Listing(points=points, unlisted=unlisted)


def arns_of(clients: Clients, file_system: FileSystem, vaults: Mapping[str, str]) -> Kept:
    """Return the ARNs of a file system's points that are in these vaults (Region -> name) now."""
    found, unlisted = _list_all(clients, vaults, file_system)
    return Kept(arns=frozenset(point["RecoveryPointArn"] for _, _, point in found), unlisted=unlisted)


def _list_all(
    clients: Clients, vaults: Mapping[str, str], file_system: FileSystem
) -> tuple[list[tuple[str, str, RecoveryPointByBackupVaultTypeDef]], list[Unlisted]]:
    found: list[tuple[str, str, RecoveryPointByBackupVaultTypeDef]] = []
    unlisted: list[Unlisted] = []
    for region, vault in vaults.items():
        try:
            found += [(region, vault, point) for point in _list(clients, region, vault, file_system)]
        except ClientError as error:
            known = vault_error(error, vault, region)
            if known is None:
                raise
            unlisted.append(Unlisted(region=region, vault=vault, error=known))
    return found, unlisted


def _list(
    clients: Clients, region: str, vault: str, file_system: FileSystem
) -> Iterator[RecoveryPointByBackupVaultTypeDef]:
    pages = clients.of("backup", region).get_paginator("list_recovery_points_by_backup_vault")
    for page in pages.paginate(BackupVaultName=vault, ByResourceArn=file_system.arn):
        yield from page["RecoveryPoints"]


def _opened(
    clients: Clients,
    region: str,
    recovery_point_arn: str,
    *,
    file_system: str,
    keys: TagKeys,
    deployment: str,
) -> OpenedTags:
    """Return a point's opened tags; empty for a point that was deleted in the meantime."""
    try:
        tags = all_tags(clients.of("backup", region), recovery_point_arn)
    except ClientError as error:
        if is_denied(error):
            message = (
                f"its tags cannot be read: {message_of(error)}; either it was deleted in the meantime, "
                f"or these credentials lack backup:ListTags in {region}"
            )
            return unreadable_tags(message)
        if code_of(error) != "ResourceNotFoundException":
            raise
        tags = {}
    try:
        needed = keys.needed_by(tags)
    except TagKeyDamaged as error:
        return unreadable_tags(f"its tags cannot be read: {error}")
    return open_tags(tags, file_system=file_system, keys=needed, deployment=deployment)
