"""What must be true before a session starts, asked before anything is written or started."""

from __future__ import annotations

from botocore.exceptions import ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import code_of
from tidemark.aws.network import available_mount_targets
from tidemark.errors import FileSystemNotFound, FileSystemNotInPolicy, VaultNotFound
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
    """Return if every vault of the policy is in its Region; raise VaultNotFound.

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
        # AWS Backup answers AccessDenied for a vault that does not exist, so as not to tell; the ambiguity is
        # the user's to resolve, and the message of VaultNotFound would be wrong for a missing permission.
        if code_of(error) == "ResourceNotFoundException":
            raise VaultNotFound(vault, region) from error
        raise
