"""Retention of recovery points: the lifecycle to request, and a check of the actual one.

Sources: AWS Backup Developer Guide, "Backup and tag copy": a copy for which DeleteAfterDays is -1 expires
with its source, so 100 years represent forever; both expire by the creation date of the source. "AWS Backup
Vault Lock": a vault refuses retentions outside of its limits. StartBackupJob: a backup without a lifecycle
is kept forever.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import AWS_FAILURES, code_of, is_denied, message_of
from tidemark.errors import RetentionNotAllowed
from tidemark.policy.policy import LONGEST_KEEP_DAYS
from tidemark.sessions.session import UNKNOWN_DAYS, Point, PointKind

if TYPE_CHECKING:
    from mypy_boto3_backup.type_defs import (
        DescribeBackupVaultOutputTypeDef,
        DescribeRecoveryPointOutputTypeDef,
        LifecycleTypeDef,
    )

_TOLERANCE = timedelta(days=1)  # AWS Backup may count in whole days


def lifecycle(
    kind: PointKind, keep_days: int | None, cold_after_days: int | None = None
) -> LifecycleTypeDef | None:
    """Return the lifecycle to request; None means to omit it.

    `keep_days` None: forever; `cold_after_days` None: the point stays in warm storage.
    """
    days = LONGEST_KEEP_DAYS if keep_days is None and kind == "copy" else keep_days
    asked: LifecycleTypeDef = {}
    if days is not None:
        asked["DeleteAfterDays"] = days
    if cold_after_days is not None:
        asked["MoveToColdStorageAfterDays"] = cold_after_days
    return asked or None


def check_vault_lock(
    vault: DescribeBackupVaultOutputTypeDef, kind: PointKind, keep_days: int | None, region: str
) -> None:
    """Check that the vault's lock, if any, allows the retention; raise RetentionNotAllowed."""
    least, most = _limit(vault, "MinRetentionDays"), _limit(vault, "MaxRetentionDays")
    asked = lifecycle(kind, keep_days)
    days = None if asked is None else asked.get("DeleteAfterDays")
    too_short = least is not None and days is not None and days < least
    too_long = most is not None and (days is None or days > most)
    if too_short or too_long:
        raise RetentionNotAllowed(vault["BackupVaultName"], region, kind, _kept(keep_days), least, most)


def _limit(vault: Mapping[str, object], name: str) -> int | None:
    """Return a limit of a vault's lock; None if there is none."""
    days = vault.get(name)
    return days if isinstance(days, int) else None


def with_retention_checked(
    clients: Clients, point: Point, keep_days: int | None, cold_after_days: int | None = None
) -> Point:
    """Return the point, with an issue if AWS Backup will not keep it as long, and where, as requested.

    `clients` must be those of the point's account. With `keep_days` UNKNOWN_DAYS, nothing is checked. Does
    not raise AWS errors: a point that cannot be described still counts.
    """
    if keep_days == UNKNOWN_DAYS:
        return point
    try:
        answer = clients.of("backup", point.region).describe_recovery_point(
            BackupVaultName=point.vault, RecoveryPointArn=point.recovery_point_arn
        )
    except AWS_FAILURES as error:
        problem = _not_described(point, error)
    else:
        problem = _difference(point, keep_days, cold_after_days, answer)
    return dataclasses.replace(point, issues="; ".join(filter(None, (point.issues, problem))))


def _not_described(point: Point, error: Exception) -> str:
    if isinstance(error, ClientError) and code_of(error) == "ResourceNotFoundException":
        return (
            f"it is no longer in vault {point.vault}: the point or its vault was deleted after the job "
            f"ended; run the policy again to create another"
        )
    said = message_of(error) if isinstance(error, ClientError) else str(error)
    causes = (
        f"either the point or its vault {point.vault} was deleted, "
        f"or backup:DescribeRecoveryPoint is not granted"
        if isinstance(error, ClientError) and is_denied(error)
        else "AWS Backup did not respond"
    )
    return (
        f"its expiry could not be checked ({said}): {causes}; look with: "
        f"aws backup describe-recovery-point {_named(point)}"
    )


def _difference(
    point: Point,
    keep_days: int | None,
    cold_after_days: int | None,
    answer: DescribeRecoveryPointOutputTypeDef,
) -> str:
    calculated = answer.get("CalculatedLifecycle", {})
    delete_at, cold_at = calculated.get("DeleteAt"), calculated.get("MoveToColdStorageAt")
    created_at = answer.get("CreationDate", point.completed_at)
    found = []
    if not _is_as_asked(point.kind, keep_days, created_at, delete_at):
        expires = "keeps it forever" if delete_at is None else f"deletes it on {delete_at:%Y-%m-%d}"
        found.append(f"AWS Backup {expires}, but the policy keeps it {_kept(keep_days)}")
    found += _cold_difference(cold_after_days, created_at, cold_at)
    if not found:
        return ""
    asked = lifecycle(point.kind, keep_days, cold_after_days) or {}
    cold, delete = asked.get("MoveToColdStorageAfterDays", -1), asked.get("DeleteAfterDays", -1)
    return (
        f"{', and '.join(found)}; change it with: aws backup update-recovery-point-lifecycle {_named(point)} "
        f"--lifecycle MoveToColdStorageAfterDays={cold},DeleteAfterDays={delete}"
    )


def _cold_difference(
    cold_after_days: int | None, created_at: datetime, cold_at: datetime | None
) -> Iterator[str]:
    if cold_after_days is None:
        if cold_at is not None:
            fact = f"AWS Backup moves it to cold storage on {cold_at:%Y-%m-%d}"
            yield f"{fact}, which the policy does not request"
        return
    expected = created_at + timedelta(days=cold_after_days)
    if cold_at is None or abs(cold_at - expected) > _TOLERANCE:
        fact = "never moves it" if cold_at is None else f"moves it on {cold_at:%Y-%m-%d}"
        yield f"AWS Backup {fact} to cold storage, but the policy requests it after {_kept(cold_after_days)}"


def _is_as_asked(
    kind: PointKind, keep_days: int | None, created_at: datetime, delete_at: datetime | None
) -> bool:
    asked = lifecycle(kind, keep_days)
    if delete_at is None:
        return keep_days is None
    if asked is None:  # a backup that is kept forever
        return False
    expected = created_at + timedelta(days=asked["DeleteAfterDays"])
    return abs(delete_at - expected) <= _TOLERANCE


def _named(point: Point) -> str:
    return (
        f"--region {point.region} --backup-vault-name {point.vault} "
        f"--recovery-point-arn {point.recovery_point_arn}"
    )


def _kept(keep_days: int | None) -> str:
    return "forever" if keep_days is None else f"{keep_days} day{'' if keep_days == 1 else 's'}"
