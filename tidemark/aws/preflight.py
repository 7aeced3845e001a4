"""Checks before a session starts: policy, file system, mount targets, vaults and opt-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import code_of
from tidemark.aws.network import available_mount_targets
from tidemark.aws.retention import check_vault_lock
from tidemark.aws.vaults import vault_error
from tidemark.errors import FileSystemNotFound, FileSystemNotInPolicy, FileSystemNotSelected, NotOptedIn
from tidemark.policy.policy import CopyTarget, Policy, check_file_system_id
from tidemark.policy.sites import file_system_id_of
from tidemark.sessions.session import FileSystem, PointKind

if TYPE_CHECKING:
    from mypy_boto3_backup.type_defs import DescribeBackupVaultOutputTypeDef


# Returns the clients of an account.
ClientsOf = Callable[[str], Clients]


def check_file_system(clients: Clients, policy: Policy, file_system: FileSystem) -> None:
    """Check that the policy can run for the file system.

    Raises MalformedFileSystemId, FileSystemNotInPolicy, FileSystemNotFound, and NoMountTarget if the
    policy includes an index.
    """
    file_system_id = check_file_system_id(file_system.file_system_id)
    named = file_system_id in map(file_system_id_of, policy.file_systems)
    if not named and policy.selection is None:
        raise FileSystemNotInPolicy(file_system_id, policy.name, list(policy.file_systems))
    efs = clients.of("efs", file_system.region)
    try:
        found = efs.describe_file_systems(FileSystemId=file_system_id)["FileSystems"][0]
    except ClientError as error:
        if code_of(error) == "FileSystemNotFound":
            raise FileSystemNotFound(file_system_id, file_system.region) from error
        raise
    if policy.selection is not None:
        tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
        if not policy.selection.admits(file_system_id, tags, named=named):
            raise FileSystemNotSelected(file_system_id, policy.name)
    if policy.index:
        available_mount_targets(efs, file_system)


def check_vaults(clients: Clients, policy: Policy, clients_of: ClientsOf | None = None) -> None:
    """Check that every vault of the policy exists in its Region and accepts the policy's retention.

    Raises VaultNotFound, AccessDenied, RetentionNotAllowed. `clients` are those of the policy's account. The
    vaults of other accounts are described with `clients_of`; without it, copy jobs report their problems.
    """
    _check_vault(clients, policy.vault, policy.region, "backup", policy.keep_days)
    for target in policy.copies:
        there = _clients_of(target, policy, clients, clients_of)
        if there is not None:
            _check_vault(there, target.vault, target.region, "copy", target.keep_days)


def check_opt_in(clients: Clients, policy: Policy, clients_of: ClientsOf | None = None) -> None:
    """Check that AWS Backup is opted in for EFS in every Region of the policy; raise NotOptedIn.

    Source: AWS Backup Developer Guide, "How AWS Backup works with other AWS services". A Region that does
    not list EFS at all passes; its first job reports any problem. The arguments are as in `check_vaults`.
    """
    for region in regions_of(policy):
        check_opt_in_of(clients, region)
    for target in policy.copies:
        there = _clients_of(target, policy, clients, clients_of)
        if there is not None and there is not clients:
            check_opt_in_of(there, target.region)


def regions_of(policy: Policy) -> list[str]:
    """Return the Regions of a policy's backups, and of its copies in the same account."""
    own = [target.region for target in policy.copies if target.account in (None, policy.account)]
    return list(dict.fromkeys([policy.region, *own]))


def _clients_of(
    target: CopyTarget, policy: Policy, clients: Clients, clients_of: ClientsOf | None
) -> Clients | None:
    if target.account is None or target.account == policy.account:
        return clients
    return None if clients_of is None else clients_of(target.account)


def check_opt_in_of(clients: Clients, region: str) -> None:
    """Check that AWS Backup is opted in for EFS in a Region, as `check_opt_in` does."""
    settings = clients.of("backup", region).describe_region_settings()
    if not settings.get("ResourceTypeOptInPreference", {}).get("EFS", True):
        raise NotOptedIn(region)


def _check_vault(clients: Clients, vault: str, region: str, kind: PointKind, keep_days: int | None) -> None:
    check_vault_lock(describe_vault(clients, vault, region), kind, keep_days, region)


def describe_vault(clients: Clients, vault: str, region: str) -> DescribeBackupVaultOutputTypeDef:
    """Return AWS Backup's description of a vault; raises VaultNotFound, and AccessDenied for both causes."""
    try:
        return clients.of("backup", region).describe_backup_vault(BackupVaultName=vault)
    except ClientError as error:
        known = vault_error(error, vault, region)
        if known is None:
            raise
        raise known from error
