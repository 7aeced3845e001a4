"""Logically air-gapped vaults, in the account of the backup and in another one.

Source: AWS Backup Developer Guide, "Logically air-gapped vault"; CreateLogicallyAirGappedBackupVault.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud
from tests.localcloud.accounts.conftest import PRODUCTION, REGION, allow, code_of, policy, unique
from tests.localcloud.accounts.test_copies_across_accounts import COPY_INTO, FROM_PRODUCTION, Source, source

pytestmark = pytest.mark.cloud
__all__ = ["source"]  # the fixture

AIR_GAPPED = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"


@pytest.fixture(autouse=True)
def _fast_jobs(organization: LocalCloud) -> None:
    organization.set_job_durations(created=1, backup=10, copy=10, restore=10)
    organization.client("backup").update_global_settings(
        GlobalSettings={"isCrossAccountBackupEnabled": "true"}
    )


def air_gapped(cloud: LocalCloud, account: str, shortest: int = 7, longest: int = 30) -> str:
    name, backup = unique("gapped"), cloud.account(account).client("backup")
    made = backup.create_logically_air_gapped_backup_vault(
        BackupVaultName=name, MinRetentionDays=shortest, MaxRetentionDays=longest
    )
    shared = allow(COPY_INTO, Principal=FROM_PRODUCTION)
    backup.put_backup_vault_access_policy(BackupVaultName=name, Policy=policy(shared))
    arn: str = made["BackupVaultArn"]
    return arn


def test_it_is_locked_from_the_start(organization: LocalCloud) -> None:
    name = air_gapped(organization, "backup").rpartition(":")[2]
    backup = organization.account("backup").client("backup")
    described = backup.describe_backup_vault(BackupVaultName=name)
    assert (described["VaultType"], described["Locked"]) == (AIR_GAPPED, True)
    assert (described["MinRetentionDays"], described["MaxRetentionDays"]) == (7, 30)
    listed = backup.list_backup_vaults(ByVaultType=AIR_GAPPED)["BackupVaultList"]
    assert name in [vault["BackupVaultName"] for vault in listed]
    usual = backup.list_backup_vaults(ByVaultType="BACKUP_VAULT")["BackupVaultList"]
    assert name not in [vault["BackupVaultName"] for vault in usual]
    for change in (
        lambda: backup.put_backup_vault_lock_configuration(BackupVaultName=name, MinRetentionDays=1),
        lambda: backup.delete_backup_vault_lock_configuration(BackupVaultName=name),
    ):
        with pytest.raises(ClientError) as refused:
            change()
        assert code_of(refused) == "InvalidRequestException"


@pytest.mark.parametrize(("shortest", "longest"), [(6, 30), (30, 29), (7, 36_501)])
def test_its_retention_is_at_least_a_week(organization: LocalCloud, shortest: int, longest: int) -> None:
    with pytest.raises(ClientError) as refused:
        air_gapped(organization, "backup", shortest, longest)
    assert code_of(refused) == "InvalidParameterValueException"


@pytest.mark.parametrize("account", ["production", "backup"])
def test_a_copy_is_kept_for_its_retention(source: Source, account: str) -> None:
    destination = air_gapped(source.cloud, account)
    job = source.copy(destination, Lifecycle={"DeleteAfterDays": 14})
    assert job["State"] == "COMPLETED", job
    backup = source.cloud.account(account).client("backup")
    names = {
        "BackupVaultName": destination.rpartition(":")[2],
        "RecoveryPointArn": job["DestinationRecoveryPointArn"],
    }
    described = backup.describe_recovery_point(**names)
    assert (described["VaultType"], described["Lifecycle"]["DeleteAfterDays"]) == (AIR_GAPPED, 14)
    with pytest.raises(ClientError, match="retention") as refused:
        backup.delete_recovery_point(**names)
    assert code_of(refused) == "InvalidRequestException"
    assert backup.describe_recovery_point(**names)["Status"] == "COMPLETED"


@pytest.mark.parametrize(
    "lifecycle",
    [
        {},
        {"DeleteAfterDays": 6},
        {"DeleteAfterDays": 31},
    ],
)
def test_a_copy_with_a_retention_outside_its_limits_fails(source: Source, lifecycle: dict[str, Any]) -> None:
    job = source.copy(air_gapped(source.cloud, "backup"), Lifecycle=lifecycle)
    assert job["State"] == "FAILED"
    assert "retention" in job["StatusMessage"]


def test_a_copy_that_moves_to_cold_storage_fails(source: Source) -> None:
    destination = air_gapped(source.cloud, "backup", longest=365)
    job = source.copy(destination, Lifecycle={"MoveToColdStorageAfterDays": 1, "DeleteAfterDays": 91})
    assert job["State"] == "FAILED"
    assert "cold storage" in job["StatusMessage"]


def test_no_backup_goes_directly_into_it(source: Source) -> None:
    name = air_gapped(source.cloud, "production").rpartition(":")[2]
    with pytest.raises(ClientError) as refused:
        source.cloud.account("production").client("backup").start_backup_job(
            BackupVaultName=name,
            ResourceArn=f"arn:aws:elasticfilesystem:{REGION}:{PRODUCTION}:file-system/{source.file_system}",
            IamRoleArn=source.role.arn,
        )
    assert code_of(refused) == "InvalidRequestException"


def test_a_stack_creates_it(organization: LocalCloud) -> None:
    name = unique("stack")
    template = {
        "Resources": {
            "Vault": {
                "Type": "AWS::Backup::LogicallyAirGappedBackupVault",
                "Properties": {
                    "BackupVaultName": name,
                    "MinRetentionDays": 7,
                    "MaxRetentionDays": 30,
                    "AccessPolicy": json.loads(policy(allow(COPY_INTO, Principal=FROM_PRODUCTION))),
                },
            }
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Vault", "BackupVaultArn"]}}},
    }
    stacks = organization.account("backup").client("cloudformation")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
    )
    backup = organization.account("backup").client("backup")
    assert backup.describe_backup_vault(BackupVaultName=name)["VaultType"] == AIR_GAPPED
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(
        StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
    )
    vaults = backup.list_backup_vaults()["BackupVaultList"]
    assert name not in [vault["BackupVaultName"] for vault in vaults]
