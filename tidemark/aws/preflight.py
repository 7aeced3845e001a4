"""What must be true before a session starts, asked before anything is written or started."""

from __future__ import annotations

from botocore.exceptions import ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import code_of, message_of, translate
from tidemark.aws.network import available_mount_targets
from tidemark.errors import AccessDenied, FileSystemNotFound, FileSystemNotInPolicy, VaultNotFound
from tidemark.policy.policy import Policy, check_file_system_id
from tidemark.sessions.session import FileSystem


def check_file_system(clients: Clients, policy: Policy, file_system: FileSystem) -> None:
    """Return if the policy can be run for the file system.

    Raises MalformedFileSystemId, FileSystemNotInPolicy, FileSystemNotFound, and NoMountTarget where the
    policy wants an index.
    """
    file_system_id = check_file_system_id(file_system.file_system_id)
    if file_system_id not in policy.file_systems:
        raise FileSystemNotInPolicy(file_system_id, policy.name, list(policy.file_systems))
    efs = clients.of("efs", file_system.region)
    try:
        efs.describe_file_systems(FileSystemId=file_system_id)
    except ClientError as error:
        if code_of(error) == "FileSystemNotFound":
            raise FileSystemNotFound(file_system_id, file_system.region) from error
        raise
    if policy.index:
        available_mount_targets(efs, file_system)


def check_vaults(clients: Clients, policy: Policy) -> None:
    """Return if every vault of the policy is in its Region; raise VaultNotFound, AccessDenied.

    A vault of another account cannot be described from here; its copy job says what is wrong with it.
    """
    _check_vault(clients, policy.vault, policy.region)
    for target in policy.copies:
        if target.account in (None, policy.account):
            _check_vault(clients, target.vault, target.region)


def _check_vault(clients: Clients, vault: str, region: str) -> None:
    try:
        clients.of("backup", region).describe_backup_vault(BackupVaultName=vault)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            raise VaultNotFound(vault, region) from error
        if isinstance(translate(error), AccessDenied):
            # AWS Backup may answer so for a vault that does not exist: whoever may not ask shall not learn.
            raise AccessDenied(
                f"AWS Backup does not say whether {region} has a vault named {vault}: "
                f"{message_of(error)}; if it was deleted, deploy again; if it is there, grant "
                f"backup:DescribeBackupVault to these credentials"
            ) from error
        raise
