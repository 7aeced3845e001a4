from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.stub import Stubber

from tests.aws.account import ACCOUNT, COPY_REGION, NIGHTLY, REGION, the_clients
from tidemark.aws.clients import Clients
from tidemark.aws.preflight import check_file_system, check_vaults
from tidemark.errors import (
    AccessDenied,
    FileSystemNotFound,
    FileSystemNotInPolicy,
    MalformedFileSystemId,
    NoMountTarget,
    VaultNotFound,
)
from tidemark.policy.policy import CopyTarget
from tidemark.sessions.session import FileSystem


def test_a_file_system_must_be_well_formed_named_and_there(clients: Clients) -> None:
    named = "fs-0123456789abcdef0"
    with pytest.raises(MalformedFileSystemId):
        check_file_system(clients, NIGHTLY, FileSystem(ACCOUNT, REGION, "fs-XYZ"))
    with pytest.raises(FileSystemNotInPolicy, match=named):
        check_file_system(clients, NIGHTLY, FileSystem(ACCOUNT, REGION, "fs-99999999999999999"))
    with pytest.raises(FileSystemNotFound):
        check_file_system(clients, NIGHTLY, FileSystem(ACCOUNT, REGION, named))


def test_only_a_policy_that_indexes_needs_a_mount_target(clients: Clients) -> None:
    made = clients.of("efs", REGION).create_file_system(CreationToken="t")["FileSystemId"]
    policy = replace(NIGHTLY, file_systems=(made,))
    with pytest.raises(NoMountTarget):
        check_file_system(clients, policy, FileSystem(ACCOUNT, REGION, made))
    check_file_system(clients, replace(policy, index=False), FileSystem(ACCOUNT, REGION, made))


def test_every_vault_of_this_account_must_be_there(clients: Clients) -> None:
    with pytest.raises(VaultNotFound, match=REGION):
        check_vaults(clients, NIGHTLY)
    clients.of("backup", REGION).create_backup_vault(BackupVaultName="tidemark")
    with pytest.raises(VaultNotFound, match=COPY_REGION):
        check_vaults(clients, NIGHTLY)
    clients.of("backup", COPY_REGION).create_backup_vault(BackupVaultName="copies")
    check_vaults(clients, NIGHTLY)
    elsewhere = CopyTarget(region="us-east-1", vault="theirs", account="999999999999", keep_days=1)
    check_vaults(clients, replace(NIGHTLY, copies=(elsewhere,)))


def test_a_vault_that_aws_keeps_to_itself_may_be_missing_or_forbidden() -> None:
    client = the_clients().of("backup", REGION)
    with Stubber(client) as stub:
        stub.add_client_error("describe_backup_vault", "AccessDeniedException", "Insufficient privileges")
        with pytest.raises(AccessDenied) as caught:
            check_vaults(the_clients(), NIGHTLY)
    for words in (f"{REGION} has a vault named tidemark", "Insufficient privileges", "deploy again", "grant"):
        assert words in str(caught.value)
