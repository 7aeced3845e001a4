"""Plans a drill: the newest recovery point of a file system, a sample of its files, a temporary file system.

The records name the point, so that planning needs neither the tags of recovery points nor their key.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.aws.new_file_systems import PARTS, NewFileSystemWish, settings_for
from tidemark.aws.restore_jobs import RESTORABLE
from tidemark.errors import NotRestorable, RecoveryPointNotFound, SessionNotFound
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.storage.catalog import read_manifest
from tidemark.index.storage.object_store import Store as Repository
from tidemark.policy.policy import DrillSettings
from tidemark.restore.choose import HeldPoint
from tidemark.restore.estimate import DOCUMENTED_PATHS
from tidemark.restore.items import Limits
from tidemark.restore.plan import Destination, NewFileSystem, Plan
from tidemark.restore.planner import Order, make_plan
from tidemark.restore.sample import sample_files
from tidemark.sessions.queries import associations_in
from tidemark.sessions.records import read_session
from tidemark.sessions.session import FileSystem, Point
from tidemark.sessions.transactions import Store

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_efs import EFSClient

# AWS Backup returns either for a point that does not exist. Source: vaults.py.
_GONE = {"ResourceNotFoundException", "AccessDeniedException"}


def plan_drill(
    file_system: FileSystem,
    wish: DrillSettings,
    *,
    items_per_job: int = DOCUMENTED_PATHS,
    records: Store,
    repository: Repository,
    backup: BackupClient,
    efs: EFSClient,
    now: datetime,
) -> Plan:
    """Return the plan of a drill of the file system's newest indexed recovery point.

    Raises RecoveryPointNotFound if there is none in its Region, NotRestorable if its index contains no file
    that fits, IndexNotFound and IndexDamaged.
    """
    point = newest_point(records, backup, file_system, now)
    manifest = read_manifest(
        repository,
        IndexIdentity(
            account=file_system.account,
            region=file_system.region,
            file_system_id=file_system.file_system_id,
            index_id=point.index_id,
        ),
    )
    plan_id = f"drill-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    limits = Limits(most_items=items_per_job)
    sample = sample_files(
        repository,
        manifest,
        wish.files,
        seed=secrets.randbits(63),
        most_bytes=wish.most_bytes,
        limits=limits,
    )
    if not sample:
        raise NotRestorable(
            f"index {point.index_id} of {file_system.file_system_id} contains no file of at most a "
            f"quarter of {wish.most_bytes:,} bytes, so there is nothing to drill; allow more with: "
            f"tidemark drill {file_system.file_system_id} --size SIZE"
        )
    order = Order(
        plan_id=plan_id,
        account=file_system.account,
        region=file_system.region,
        file_system_id=file_system.file_system_id,
        created_at=now,
        destination=Destination(kind="new-file-system"),
        on_conflict="replace",  # only the root exists
        new_file_system=_temporary(efs, file_system),
        drill=tuple(sample),
    )
    paths = [each.path for each in sample]
    manifests = {manifest.index_id: manifest}
    return make_plan(repository, order, manifests, [point], paths, limits=limits, point=point)


def newest_point(records: Store, backup: BackupClient, file_system: FileSystem, now: datetime) -> HeldPoint:
    """Return the newest point of the file system's Region that has an index and can be restored.

    Raises RecoveryPointNotFound.
    """
    for point, index_id in _indexed_points(records, file_system):
        try:
            found = backup.describe_recovery_point(
                BackupVaultName=point.vault, RecoveryPointArn=point.recovery_point_arn
            )
        except ClientError as error:
            if code_of(error) in _GONE:
                continue
            raise
        if found["Status"] in RESTORABLE:
            cold_at = found.get("CalculatedLifecycle", {}).get("MoveToColdStorageAt")
            return HeldPoint(
                recovery_point_arn=point.recovery_point_arn,
                region=point.region,
                vault=point.vault,
                created_at=found["CreationDate"],
                completed_at=None if point.kind == "copy" else found.get("CompletionDate"),
                index_id=index_id,
                is_cold=found.get("StorageClass") == "COLD" or (cold_at is not None and cold_at <= now),
                is_copy=point.kind == "copy",
            )
    raise RecoveryPointNotFound(
        f"{file_system.file_system_id} has no recovery point with an index in {file_system.region}; make one "
        f"with: tidemark run POLICY --file-system {file_system.file_system_id} --wait"
    )


def _indexed_points(records: Store, file_system: FileSystem) -> Iterator[tuple[Point, str]]:
    """Yield the recorded points of the file system's Region with their indexes, newest first."""
    by_age = sorted(
        associations_in(records, file_system), key=lambda association: association.index_id, reverse=True
    )
    for index_id, group in groupby(by_age, key=lambda association: association.index_id):
        points: list[Point] = []
        for association in group:
            try:
                session = read_session(records, association.session_id)
            except SessionNotFound:
                continue
            points += [
                point
                for point in session.points
                if point.recovery_point_arn == association.recovery_point_arn
                and (point.account, point.region) == (file_system.account, file_system.region)
            ]
        for point in sorted(points, key=lambda each: each.completed_at, reverse=True):
            yield point, index_id


def _temporary(efs: EFSClient, original: FileSystem) -> NewFileSystem:
    """Return the settings of the temporary file system: the mount targets of the original, and defaults."""
    settings = settings_for(efs, original, NewFileSystemWish(without=PARTS))
    return dataclasses.replace(settings, notes=())
