"""The vault of EFS's automatic backups, which its access policy protects from restores and deletions.

It is created when automatic backups are first enabled for a file system of the Region: by PutBackupPolicy, or
on creation with Backup, which is the default for One Zone file systems. The local cloud makes no automatic
backups; StartBackupJob can use the vault.
Sources: Amazon EFS User Guide, "Automatic backups"; AWS re:Post, "How do I resolve 'Insufficient privileges
to perform this action' errors when performing an Amazon EFS restore using AWS Backup?", and the policies of
such vaults that users have published.
"""

from __future__ import annotations

from typing import Any

from moto.backup.models import backup_backends
from moto.efs.exceptions import BadRequest, FileSystemNotFound
from moto.efs.models import EFSBackend, efs_backends

from localcloud.backup.arns import AUTOMATIC_VAULT, VaultArn
from localcloud.backup.vault_policies import set_policy
from localcloud.core.cloud import ApiCall, Cloud

DENIED_ACTIONS = (
    "backup:DeleteBackupVault",
    "backup:DeleteBackupVaultAccessPolicy",
    "backup:DeleteRecoveryPoint",
    "backup:StartCopyJob",
    "backup:StartRestoreJob",
    "backup:UpdateRecoveryPointLifecycle",
)
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": list(DENIED_ACTIONS), "Resource": "*"}
    ],
}


def install(cloud: Cloud) -> None:
    """Create the vault when automatic backups are enabled; add PutBackupPolicy, which moto lacks."""
    create_file_system = EFSBackend.create_file_system

    def create(self: EFSBackend, *arguments: Any, **named: Any) -> Any:
        made = create_file_system(self, *arguments, **named)
        if made.backup_policy:
            _create_vault(self.account_id, self.region_name)
        return made

    EFSBackend.create_file_system = create
    cloud.answer("efs", PutBackupPolicy=_put_backup_policy)


def _put_backup_policy(call: ApiCall) -> dict[str, Any]:
    file_systems = efs_backends[call.account_id][call.region].file_systems_by_id
    file_system, status = file_systems.get(call.params["FileSystemId"]), call.params["BackupPolicy"]["Status"]
    if file_system is None:
        raise FileSystemNotFound(call.params["FileSystemId"])
    if status not in ("ENABLED", "DISABLED"):
        raise BadRequest("Status must be ENABLED or DISABLED")
    file_system._backup = status == "ENABLED"
    if file_system._backup:
        _create_vault(call.account_id, call.region)
    return {"BackupPolicy": {"Status": "ENABLING" if file_system._backup else "DISABLING"}}


def _create_vault(account: str, region: str) -> None:
    backend = backup_backends[account][region]
    if AUTOMATIC_VAULT not in backend.vaults:
        backend.create_backup_vault(AUTOMATIC_VAULT, {}, "", "")
        set_policy(VaultArn(region, account, AUTOMATIC_VAULT), POLICY)
