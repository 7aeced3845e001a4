"""Translation of AWS Backup's errors about missing vaults.

For calls that are authorized by a vault's access policy (DescribeBackupVault,
ListRecoveryPointsByBackupVault, DescribeRecoveryPoint, ...), AWS Backup returns AccessDenied for a missing
vault, even to callers with the permission; for StartBackupJob and StartCopyJob, ResourceNotFound. So
AccessDenied does not distinguish a missing vault from a missing permission.
Sources: AWS Backup Developer Guide, "API permissions: actions, resources, and conditions reference",
footnote 1; github.com/aws/aws-sdk-js/issues/2625.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of, is_denied, message_of
from tidemark.errors import AccessDenied, TidemarkError, VaultNotFound


def vault_error(error: ClientError, vault: str, region: str) -> TidemarkError | None:
    """Return the error for a vault: VaultNotFound, or AccessDenied that names both causes.

    None for any other error.
    """
    if code_of(error) == "ResourceNotFoundException":
        return VaultNotFound(vault, region)
    if is_denied(error):
        return AccessDenied(
            f"AWS Backup denied {error.operation_name} on vault {vault} in {region}: {message_of(error)}; "
            f"either the vault does not exist, or these credentials may not use it; list the vaults with: "
            f"aws backup list-backup-vaults --region {region}; if it was deleted, deploy again; "
            f"if it exists, grant backup:{error.operation_name}"
        )
    return None


def copy_error(error: ClientError, *, vault: str, source: str) -> TidemarkError | None:
    """Return the error for StartCopyJob, which requires the target vault and the source point.

    AWS Backup's error code does not distinguish which of them is missing. None for any other error.
    """
    checks = (
        f"check that vault {vault} exists (if not, deploy again) and that recovery point {source} does "
        f"(if not, run the policy again)"
    )
    if code_of(error) == "ResourceNotFoundException":
        return VaultNotFound(
            "", "", f"AWS Backup cannot find the vault or the recovery point: {message_of(error)}; {checks}"
        )
    if is_denied(error):
        return AccessDenied(
            f"AWS Backup denied the copy: {message_of(error)}; {checks}; if both exist, grant "
            f"backup:StartCopyJob"
        )
    return None
