"""Logically air-gapped vaults: locked from their creation, with a retention that every recovery point keeps.

They receive copies. A recovery point in one cannot be deleted before its retention ends, and none is kept
forever. The encryption key is one that AWS owns, unless the vault has a customer managed key.
Source: AWS Backup Developer Guide, "Logically air-gapped vault"; CreateLogicallyAirGappedBackupVault.
Assumed, because it is not documented: the names of errors. Not supported: backups directly into such a vault
(StartBackupJob, LogicallyAirGappedBackupVaultArn), and sharing with AWS RAM.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.backup.models import backup_backends

from localcloud.backup.arns import VaultArn
from localcloud.backup.errors import AlreadyExists, InvalidParameterValue, InvalidRequest
from localcloud.backup.lifecycle import COLD, DELETE
from localcloud.backup.recovery_points import RecoveryPoint
from localcloud.backup.vaults import AIR_GAPPED, TYPE, moto_vault, vault_type
from localcloud.core.cloud import ApiCall, Cloud

SHORTEST_DAYS, LONGEST_DAYS = 7, 36_500


def install(cloud: Cloud) -> None:
    """Register the operation that creates such vaults, and refuse changes of their lock."""
    cloud.refuse(
        "backup",
        PutBackupVaultLockConfiguration=_keep_lock,
        DeleteBackupVaultLockConfiguration=_keep_lock,
    )


def create(call: ApiCall) -> dict[str, Any]:
    """CreateLogicallyAirGappedBackupVault."""
    params = call.params
    name, shortest, longest = (
        params["BackupVaultName"],
        params["MinRetentionDays"],
        params["MaxRetentionDays"],
    )
    if not SHORTEST_DAYS <= shortest <= longest <= LONGEST_DAYS:
        raise InvalidParameterValue(
            f"MinRetentionDays must be at least {SHORTEST_DAYS} and not more than MaxRetentionDays, which is "
            f"at most {LONGEST_DAYS}; not {shortest} and {longest}"
        )
    backend = backup_backends[call.account_id][call.region]
    if name in backend.vaults:
        raise AlreadyExists(f"Backup vault {name} already exists")
    record = backend.create_backup_vault(
        name,
        params.get("BackupVaultTags") or {},
        params.get("EncryptionKeyArn") or "",
        params.get("CreatorRequestId") or "",
    )
    record.locked, record.min_retention_days, record.max_retention_days = True, shortest, longest
    setattr(record, TYPE, AIR_GAPPED)
    return {
        "BackupVaultName": name,
        "BackupVaultArn": str(VaultArn(call.region, call.account_id, name)),
        "CreationDate": datetime.fromtimestamp(record.creation_date, UTC),
        "VaultState": "AVAILABLE",
    }


def check_backup(call: ApiCall, vault: VaultArn) -> None:
    """Raise unless StartBackupJob may write to the vault."""
    if call.params.get("LogicallyAirGappedBackupVaultArn"):
        raise InvalidParameterValue(
            "the local cloud does not support backups directly into a logically air-gapped vault"
        )
    if vault_type(vault) == AIR_GAPPED:
        raise InvalidRequest(f"{vault.name} is a logically air-gapped vault, which receives copies only")


def check_copy_lifecycle(vault: VaultArn, lifecycle: dict[str, Any]) -> None:
    """Raise InvalidParameterValue for a transition to cold storage, which such a vault does not have."""
    if vault_type(vault) == AIR_GAPPED and lifecycle.get(COLD) not in (None, -1):
        raise InvalidParameterValue("A logically air-gapped vault does not support cold storage")


def check_deletion(point: RecoveryPoint, now: datetime) -> None:
    """Raise InvalidRequest before the retention of a point in such a vault has ended."""
    if vault_type(point.vault) != AIR_GAPPED:
        return
    days = int(point.lifecycle.get(DELETE) or moto_vault(point.vault).max_retention_days)
    if now < point.created_at + timedelta(days=days):
        raise InvalidRequest(
            f"The retention of the recovery point in the logically air-gapped vault {point.vault.name} has "
            f"not ended"
        )


def _keep_lock(call: ApiCall) -> None:
    vault = VaultArn(call.region, call.account_id, call.params["BackupVaultName"])
    vaults = backup_backends[call.account_id][call.region].vaults
    if vault.name in vaults and vault_type(vault) == AIR_GAPPED:
        raise InvalidRequest(f"The lock of the logically air-gapped vault {vault.name} cannot be changed")
