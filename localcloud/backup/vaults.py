"""Vaults, file systems and roles of moto's that backup jobs use."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.backup.models import backup_backends
from moto.efs.models import efs_backends

from localcloud.backup.arns import ROLE, FileSystemArn, VaultArn
from localcloud.backup.errors import AccessDenied, InvalidParameterValue, InvalidRequest, ResourceNotFound
from localcloud.core.cloud import Cloud
from localcloud.core.partitions import regional_arn
from localcloud.iam.roles import assumable
from localcloud.services.file_system_directories import readable_directory

INSUFFICIENT = "Insufficient privileges to perform this action."
# Source: Amazon EFS User Guide, "Deleting backups"
DENIED = (
    f"Access Denied: {INSUFFICIENT} Please consult with the account administrator for necessary permissions."
)
USUAL, AIR_GAPPED = "BACKUP_VAULT", "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
TYPE = "localcloud_vault_type"  # attribute of moto's record; absent for usual vaults
DEFAULT_ROLE = "service-role/AWSBackupDefaultServiceRole"  # AWS creates it in every account that uses Backup


def vault_named(account: str, region: str, name: str) -> VaultArn:
    """Return the ARN of an existing vault; raises ResourceNotFound."""
    vault = VaultArn(region, account, name)
    moto_vault(vault)
    return vault


def moto_vault(vault: VaultArn) -> Any:  # moto's Vault
    """Return moto's record of a vault; raises ResourceNotFound."""
    try:
        return backup_backends[vault.account][vault.region].vaults[vault.name]
    except KeyError:
        raise ResourceNotFound(f"Backup vault {vault.name} cannot be found in {vault.region}") from None


def vault_by_its_policy(account: str, region: str, name: str) -> VaultArn:
    """Return the ARN of a vault for a call that AWS Backup authorizes by the vault's access policy.

    Raises AccessDenied for a vault that does not exist, even if the caller has the permission.
    Sources: AWS Backup Developer Guide, "API permissions: actions, resources, and conditions reference",
    footnote 1, for the list of such calls; github.com/aws/aws-sdk-js/issues/2625 for the response.
    """
    vault = VaultArn(region, account, name)
    if name not in backup_backends[account][region].vaults:
        raise AccessDenied(INSUFFICIENT)
    return vault


def vault_type(vault: VaultArn) -> str:
    """Return the type of an existing vault, as in the API."""
    return str(getattr(moto_vault(vault), TYPE, USUAL))


def encryption_key(vault: VaultArn) -> str | None:
    """Return the ARN of the vault's key: its own, or that of the account's alias aws/backup.

    None for a logically air-gapped vault with a key that AWS owns.
    """
    key = moto_vault(vault).encryption_key_arn
    if not key and vault_type(vault) == AIR_GAPPED:
        return None
    return str(key or regional_arn("kms", vault.region, vault.account, "alias/aws/backup"))


def describe_vault(vault: VaultArn, points: int) -> dict[str, Any]:
    """Return a member of ListBackupVaults, which is also DescribeBackupVault's response."""
    record = moto_vault(vault)
    locked_at = record.lock_date
    return {
        "BackupVaultName": vault.name,
        "BackupVaultArn": str(vault),
        "VaultType": vault_type(vault),
        "VaultState": "AVAILABLE",
        "EncryptionKeyArn": encryption_key(vault),
        "EncryptionKeyType": "CUSTOMER_MANAGED_KMS_KEY" if record.encryption_key_arn else "AWS_OWNED_KMS_KEY",
        "CreationDate": datetime.fromtimestamp(record.creation_date, UTC),
        "CreatorRequestId": record.creator_request_id,
        "NumberOfRecoveryPoints": points,
        "Locked": record.locked,
        "MinRetentionDays": record.min_retention_days,
        "MaxRetentionDays": record.max_retention_days,
        "LockDate": None if locked_at is None else datetime.fromtimestamp(locked_at, UTC),
    }


def check_retention(vault: VaultArn, delete_after_days: int | None) -> None:
    """Raise InvalidParameterValue if the vault's lock does not allow this retention."""
    record = moto_vault(vault)
    days = None if delete_after_days == -1 else delete_after_days
    shortest, longest = record.min_retention_days, record.max_retention_days
    if (longest is not None and (days is None or days > longest)) or (
        shortest is not None and days is not None and days < shortest
    ):
        limits = [f"{name} {days}" for name, days in (("minimum", shortest), ("maximum", longest)) if days]
        raise InvalidParameterValue(
            f"The retention of the recovery point is outside the limits of the lock of {vault.name} "
            f"(in days: {', '.join(limits)})"
        )


def check_lock(vault: VaultArn) -> None:
    """Raise InvalidRequest if the vault's lock prevents the deletion of its points.

    Source: PutBackupVaultLockConfiguration in the API reference: the lock prevents "attempts to delete any
    recovery point stored in" the vault. Assumed: the error.
    """
    if moto_vault(vault).locked:
        raise InvalidRequest(f"Backup vault {vault.name} is locked; its recovery points cannot be deleted")


def check_unlocked(vault: VaultArn) -> None:
    """Raise InvalidRequest if the vault is locked: no retention of its points can change.

    Source: AWS Backup API Reference, PutBackupVaultLockConfiguration. The name of the error is assumed.
    """
    record = moto_vault(vault)
    if record.min_retention_days is not None or record.max_retention_days is not None or record.locked:
        raise InvalidRequest(
            f"The lifecycle of recovery points in {vault.name} cannot be changed, because the vault is locked"
        )


def check_role(role_arn: str) -> None:
    """Raise InvalidParameterValue unless AWS Backup can assume the role."""
    if not ROLE.match(role_arn):
        raise InvalidParameterValue(f"Invalid role ARN: {role_arn!r}")
    if role_arn.endswith(f":role/{DEFAULT_ROLE}"):
        return
    if not assumable(role_arn, "backup.amazonaws.com"):
        raise InvalidParameterValue(f"IAM Role {role_arn} cannot be assumed by AWS Backup")


def file_system_directory(cloud: Cloud, arn: FileSystemArn) -> Path | None:
    """Return the directory that is the file system's root; None when there is no such file system."""
    return readable_directory(cloud, arn.id) if file_system_exists(arn) else None


def file_system_exists(arn: FileSystemArn) -> bool:
    """Return whether there is such a file system."""
    return arn.id in efs_backends[arn.account][arn.region].file_systems_by_id


def restore_metadata_of(arn: FileSystemArn) -> dict[str, str]:
    """Return the metadata of a file system that GetRecoveryPointRestoreMetadata returns for its backups.

    Source: AWS Backup Developer Guide, "Restore an Amazon EFS file system", for file-system-id. Assumed: the
    file system's encryption and performance mode.
    """
    file_system = efs_backends[arn.account][arn.region].file_systems_by_id.get(arn.id)
    if file_system is None:
        return {}
    metadata = {
        "file-system-id": arn.id,
        "Encrypted": str(bool(file_system.encrypted)).lower(),
        "PerformanceMode": str(file_system.performance_mode),
    }
    if file_system.encrypted:
        default = regional_arn("kms", arn.region, arn.account, "alias/aws/elasticfilesystem")
        metadata["KmsKeyId"] = str(file_system.kms_key_id or default)
    return metadata


def file_system_tags(arn: FileSystemArn) -> dict[str, str]:
    """Return the tags that recovery points inherit."""
    backend = efs_backends[arn.account][arn.region]
    return {tag["Key"]: tag["Value"] for tag in backend.list_tags_for_resource(arn.id)}
