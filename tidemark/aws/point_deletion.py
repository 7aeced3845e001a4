"""Deletes recovery points, and finds what prevents it: vault locks and legal holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of, is_denied, message_of

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient

# How often, and how many seconds apart, a point is described after its deletion was requested.
_POLLS, _SECONDS = 5, 2.0
_REFUSED = {"InvalidRequestException", "InvalidParameterValueException", "InvalidResourceStateException"}


def lock_of(client: BackupClient, vault: str, now: datetime) -> str | None:
    """Return the lock of a vault in words; None if it is not locked, or may not be described.

    AWS Backup deletes no point from a locked vault. Source: PutBackupVaultLockConfiguration.
    """
    try:
        # The stubs contain optional members as if they always existed.
        answer: Mapping[str, Any] = client.describe_backup_vault(BackupVaultName=vault)
    except ClientError as error:
        if is_denied(error) or code_of(error) == "ResourceNotFoundException":
            return None
        raise
    if str(answer.get("VaultType", "")) == "LOGICALLY_AIR_GAPPED_BACKUP_VAULT":
        return f"vault {vault} is logically air-gapped"
    if not answer.get("Locked"):
        return None
    if answer.get("LockDate") is None:
        return f"vault {vault} has a lock in governance mode"
    locked_at = answer["LockDate"]
    if locked_at <= now:
        return f"vault {vault} has a lock in compliance mode, which cannot be removed"
    return f"vault {vault} has a lock in compliance mode, which can be removed until {locked_at:%Y-%m-%d}"


def held_points(client: BackupClient, wanted: Collection[str]) -> dict[str, str]:
    """Return those of the wanted points that are under an active legal hold, with the title of the hold.

    Empty without the permission to list holds: AWS Backup then refuses the deletion itself.
    """
    try:
        return dict(_held(client, frozenset(wanted)))
    except ClientError as error:
        if not is_denied(error):
            raise
        return {}


def _held(client: BackupClient, wanted: frozenset[str]) -> Iterator[tuple[str, str]]:
    for page in client.get_paginator("list_legal_holds").paginate():
        for hold in page["LegalHolds"]:
            if hold.get("Status") != "ACTIVE":
                continue
            pages = client.get_paginator("list_recovery_points_by_legal_hold")
            for points in pages.paginate(LegalHoldId=hold["LegalHoldId"]):
                for point in points["RecoveryPoints"]:
                    if point["RecoveryPointArn"] in wanted:
                        yield point["RecoveryPointArn"], hold["Title"]


def delete_point(
    client: BackupClient, vault: str, recovery_point_arn: str, sleep: Callable[[float], None]
) -> str:
    """Delete a point and return why it was not deleted, or an empty text. Idempotent.

    Without the permissions that it needs, AWS Backup answers with success, keeps the point and marks it as
    EXPIRED. So the point is described afterwards. Source: DeleteRecoveryPoint in the API reference.
    """
    status = ""
    try:
        client.delete_recovery_point(BackupVaultName=vault, RecoveryPointArn=recovery_point_arn)
        for poll in range(_POLLS):
            if poll:
                sleep(_SECONDS)
            status = client.describe_recovery_point(
                BackupVaultName=vault, RecoveryPointArn=recovery_point_arn
            )["Status"]
            if status == "DELETING":
                return ""
            if status == "EXPIRED":
                return (
                    "AWS Backup accepted the request and did not delete the point (status EXPIRED): grant "
                    "iam:CreateServiceLinkedRole for AWSServiceRoleForBackup, then remove it again"
                )
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return ""
        if is_denied(error) or code_of(error) in _REFUSED:
            return message_of(error)
        raise
    return f"AWS Backup still reports it as {status}; look again with: tidemark recovery-points"
