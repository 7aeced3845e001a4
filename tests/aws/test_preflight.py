from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.stub import Stubber

from tests.aws.account import ACCOUNT, COPY_REGION, NIGHTLY, REGION, the_clients
from tidemark.aws.clients import Clients
from tidemark.aws.preflight import check_file_system, check_opt_in, check_vaults
from tidemark.errors import (
    AccessDenied,
    FileSystemNotFound,
    FileSystemNotInPolicy,
    MalformedFileSystemId,
    NoMountTarget,
    NotOptedIn,
    RetentionNotAllowed,
    VaultNotFound,
)
from tidemark.policy.policy import CopyTarget
from tidemark.sessions.session import FileSystem


def test_a_file_system_must_be_well_formed_and_named_and_must_exist(clients: Clients) -> None:
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


def test_every_vault_of_this_account_must_exist(clients: Clients) -> None:
    with pytest.raises(VaultNotFound, match=REGION):
        check_vaults(clients, NIGHTLY)
    clients.of("backup", REGION).create_backup_vault(BackupVaultName="tidemark")
    with pytest.raises(VaultNotFound, match=COPY_REGION):
        check_vaults(clients, NIGHTLY)
    clients.of("backup", COPY_REGION).create_backup_vault(BackupVaultName="copies")
    check_vaults(clients, NIGHTLY)
    elsewhere = CopyTarget(region="us-east-1", vault="theirs", account="999999999999", keep_days=1)
    check_vaults(clients, replace(NIGHTLY, copies=(elsewhere,)))


def test_a_vault_that_cannot_be_described_may_be_missing_or_denied() -> None:
    client = the_clients().of("backup", REGION)
    with Stubber(client) as stub:
        stub.add_client_error("describe_backup_vault", "AccessDeniedException", "Insufficient privileges")
        with pytest.raises(AccessDenied) as caught:
            check_vaults(the_clients(), NIGHTLY)
    for words in (f"vault tidemark in {REGION}", "Insufficient privileges", "deploy again", "grant"):
        assert words in str(caught.value)


@pytest.mark.parametrize("opted_out", [REGION, COPY_REGION])
def test_aws_backup_must_be_opted_in_for_efs_in_every_region(opted_out: str) -> None:
    clients = the_clients()
    with Stubber(clients.of("backup", REGION)) as home, Stubber(clients.of("backup", COPY_REGION)) as away:
        for region, stub in ((REGION, home), (COPY_REGION, away)):
            settings = {"EFS": region != opted_out, "EBS": False}
            stub.add_response("describe_region_settings", {"ResourceTypeOptInPreference": settings})
        with pytest.raises(NotOptedIn) as caught:
            check_opt_in(clients, NIGHTLY)
    assert (
        f"aws backup update-region-settings --region {opted_out} "
        f"--resource-type-opt-in-preference EFS=true" in str(caught.value)
    )


def test_a_vault_lock_is_checked_before_a_job_is_started() -> None:
    clients = the_clients()
    with Stubber(clients.of("backup", REGION)) as home, Stubber(clients.of("backup", COPY_REGION)) as away:
        home.add_response("describe_backup_vault", {"BackupVaultName": "tidemark"})
        away.add_response("describe_backup_vault", {"BackupVaultName": "copies", "MaxRetentionDays": 365})
        with pytest.raises(RetentionNotAllowed, match=f"copies in {COPY_REGION}.*at most 365 days.*forever"):
            check_vaults(clients, NIGHTLY)
