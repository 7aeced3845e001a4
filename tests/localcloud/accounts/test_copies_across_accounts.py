"""Copies of recovery points to vaults of other accounts.

Source: AWS Backup Developer Guide, "Creating backup copies across AWS accounts".
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud
from tests.localcloud.accounts.conftest import (
    BACKUP,
    PRODUCTION,
    REGION,
    STRANGER,
    Role,
    allow,
    code_of,
    denied,
    deny,
    policy,
    role,
    unique,
)

pytestmark = pytest.mark.cloud

TRUST = {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
FROM_PRODUCTION = {"AWS": f"arn:aws:iam::{PRODUCTION}:root"}
NO_ACCESS = "Access Denied trying to call AWS Backup service"
COPY_INTO = "backup:CopyIntoBackupVault"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A recovery point of the production account, which may be copied."""

    cloud: LocalCloud
    file_system: str
    point: str
    vault: str
    key: str
    role: Role

    def copy(self, destination: str, **changes: Any) -> dict[str, Any]:
        """Copy to the vault with this ARN; return the copy job once it has ended."""
        backup = self.cloud.account("production").client("backup")
        request = {
            "RecoveryPointArn": self.point,
            "SourceBackupVaultName": self.vault,
            "DestinationBackupVaultArn": destination,
            "IamRoleArn": self.role.arn,
            **changes,
        }
        job = backup.start_copy_job(**request)["CopyJobId"]
        end = time.monotonic() + 60
        while True:
            found: dict[str, Any] = backup.describe_copy_job(CopyJobId=job)["CopyJob"]
            if found["State"] not in ("CREATED", "RUNNING"):
                return found
            assert time.monotonic() < end
            time.sleep(0.05)


def key_of(cloud: LocalCloud, account: str, *shared_with: str, region: str | None = None) -> str:
    owner = cloud.account(account)
    root = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{owner.id}:root"})
    shared = [allow("kms:*", Principal={"AWS": f"arn:aws:iam::{other}:root"}) for other in shared_with]
    made = owner.client("kms", region).create_key(Policy=policy(root, *shared))
    arn: str = made["KeyMetadata"]["Arn"]
    return arn


def vault_of(
    cloud: LocalCloud,
    account: str,
    *statements: dict[str, Any],
    key: str | None = "",
    name: str = "",
    region: str = REGION,
) -> str:
    """Create a vault, by default with a customer managed key of its own; return its ARN."""
    name, backup = name or unique("vault"), cloud.account(account).client("backup", region)
    key = key_of(cloud, account, region=region) if key == "" else key
    made = backup.create_backup_vault(BackupVaultName=name, **({"EncryptionKeyArn": key} if key else {}))
    if statements:
        backup.put_backup_vault_access_policy(BackupVaultName=name, Policy=policy(*statements))
    arn: str = made["BackupVaultArn"]
    return arn


@pytest.fixture(scope="module")
def source(organization: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Source:
    home: Path = tmp_path_factory.mktemp("production")
    (home / "file").write_text("content")
    made = organization.create_file_system(unique("home"), home, account="production")
    return backed_up(organization, made.id, key=key_of(organization, "production", BACKUP, STRANGER))


def backed_up(cloud: LocalCloud, file_system: str, *, key: str | None) -> Source:
    own = role(cloud, "production", allow("*"), trust=TRUST)
    vault = vault_of(cloud, "production", key=key).rpartition(":")[2]
    backup = cloud.account("production").client("backup")
    job = backup.start_backup_job(
        BackupVaultName=vault,
        ResourceArn=f"arn:aws:elasticfilesystem:{REGION}:{PRODUCTION}:file-system/{file_system}",
        IamRoleArn=own.arn,
        RecoveryPointTags={"tidemark": "session-1"},
    )
    end = time.monotonic() + 60
    while (found := backup.describe_backup_job(BackupJobId=job["BackupJobId"]))["State"] != "COMPLETED":
        assert time.monotonic() < end
        assert found["State"] in ("CREATED", "RUNNING")
        time.sleep(0.05)
    return Source(
        cloud=cloud,
        file_system=file_system,
        point=job["RecoveryPointArn"],
        vault=vault,
        key=key or "",
        role=own,
    )


@pytest.fixture(autouse=True)
def _enabled(organization: LocalCloud) -> Iterator[None]:
    organization.set_job_durations(created=1, backup=10, copy=10, restore=10)
    enable(organization, "true")
    yield
    enable(organization, "true")


def enable(cloud: LocalCloud, value: str) -> None:
    cloud.client("backup").update_global_settings(GlobalSettings={"isCrossAccountBackupEnabled": value})


def test_a_copy_arrives_in_the_other_account_with_its_tags_and_creation_date(source: Source) -> None:
    destination = vault_of(source.cloud, "backup", allow(COPY_INTO, Principal=FROM_PRODUCTION))
    job = source.copy(destination)
    assert job["State"] == "COMPLETED", job
    assert job["AccountId"] == PRODUCTION
    arn = job["DestinationRecoveryPointArn"]
    assert arn.split(":")[4] == BACKUP
    there = source.cloud.account("backup").client("backup")
    name = destination.rpartition(":")[2]
    [listed] = there.list_recovery_points_by_backup_vault(BackupVaultName=name)["RecoveryPoints"]
    described = there.describe_recovery_point(BackupVaultName=name, RecoveryPointArn=arn)
    here = source.cloud.account("production").client("backup")
    original = here.describe_recovery_point(BackupVaultName=source.vault, RecoveryPointArn=source.point)
    assert listed["RecoveryPointArn"] == arn
    assert described["CreationDate"] == original["CreationDate"]
    assert described["EncryptionKeyArn"].split(":")[4] == BACKUP
    assert described["SourceBackupVaultArn"].endswith(f":{PRODUCTION}:backup-vault:{source.vault}")
    assert there.list_tags(ResourceArn=arn)["Tags"]["tidemark"] == "session-1"
    by_resource = there.list_recovery_points_by_resource(ResourceArn=original["ResourceArn"])
    assert arn in [point["RecoveryPointArn"] for point in by_resource["RecoveryPoints"]]
    assert there.list_copy_jobs()["CopyJobs"] == []


def test_a_copy_can_go_to_another_region_of_the_other_account(source: Source) -> None:
    destination = vault_of(
        source.cloud, "backup", allow(COPY_INTO, Principal=FROM_PRODUCTION), region="eu-west-1"
    )
    job = source.copy(destination)
    assert (job["State"], job["DestinationRecoveryPointArn"].split(":")[3:5]) == (
        "COMPLETED",
        ["eu-west-1", BACKUP],
    )


def test_a_copy_is_restored_in_the_other_account(source: Source, tmp_path: Path) -> None:
    destination = vault_of(source.cloud, "backup", allow(COPY_INTO, Principal=FROM_PRODUCTION))
    point = source.copy(destination)["DestinationRecoveryPointArn"]
    target = source.cloud.create_file_system(unique("target"), tmp_path, account="backup")
    backup = source.cloud.account("backup").client("backup")
    job = backup.start_restore_job(
        RecoveryPointArn=point,
        IamRoleArn=role(source.cloud, "backup", allow("*"), trust=TRUST).arn,
        Metadata={"file-system-id": target.id, "newFileSystem": "false", "Encrypted": "true"},
    )["RestoreJobId"]
    end = time.monotonic() + 60
    while (found := backup.describe_restore_job(RestoreJobId=job))["Status"] in ("PENDING", "RUNNING"):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert found["Status"] == "COMPLETED", found
    [restored] = source.cloud.directory_of(target.id).glob("aws-backup-restore_*")
    assert (restored / "file").read_text() == "content"


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [allow(COPY_INTO, Principal={"AWS": f"arn:aws:iam::{STRANGER}:root"})],
        [allow("backup:StartRestoreJob", Principal=FROM_PRODUCTION)],
        [
            allow(COPY_INTO, Principal=FROM_PRODUCTION),
            deny(COPY_INTO, Principal="*", Condition={"StringNotEquals": {"aws:PrincipalAccount": BACKUP}}),
        ],
        [
            allow(
                COPY_INTO,
                Principal="*",
                Condition={"StringEquals": {"aws:PrincipalOrgID": "o-0000000000"}},
            )
        ],
    ],
    ids=["no policy", "another account", "another action", "denied", "another organization"],
)
def test_the_policy_of_the_destination_must_allow_it(
    source: Source, statements: list[dict[str, Any]]
) -> None:
    job = source.copy(vault_of(source.cloud, "backup", *statements))
    assert (job["State"], job["StatusMessage"]) == ("FAILED", NO_ACCESS)


def test_the_policy_can_allow_the_organization(source: Source) -> None:
    described = source.cloud.client("organizations").describe_organization()["Organization"]
    condition = {"StringEquals": {"aws:PrincipalOrgID": described["Id"]}}
    job = source.copy(vault_of(source.cloud, "backup", allow(COPY_INTO, Principal="*", Condition=condition)))
    assert job["State"] == "COMPLETED", job


def test_a_vault_that_does_not_exist_is_refused_like_one_without_access(source: Source) -> None:
    job = source.copy(f"arn:aws:backup:{REGION}:{BACKUP}:backup-vault:{unique('missing')}")
    assert (job["State"], job["StatusMessage"]) == ("FAILED", NO_ACCESS)


def test_the_role_of_the_job_needs_the_permission(source: Source) -> None:
    bare = role(source.cloud, "production", allow("backup:StartCopyJob"), trust=TRUST)
    destination = vault_of(source.cloud, "backup", allow(COPY_INTO, Principal=FROM_PRODUCTION))
    job = source.copy(destination, IamRoleArn=bare.arn)
    assert (job["State"], job["StatusMessage"]) == ("FAILED", NO_ACCESS)


def test_both_accounts_must_be_in_one_organization(source: Source) -> None:
    job = source.copy(vault_of(source.cloud, STRANGER, allow(COPY_INTO, Principal=FROM_PRODUCTION)))
    assert job["State"] == "FAILED"
    assert (
        "Both source and destination account must be a member of the same organization"
        in (job["StatusMessage"])
    )


def test_the_management_account_must_enable_it(source: Source) -> None:
    destination = vault_of(source.cloud, "backup", allow(COPY_INTO, Principal=FROM_PRODUCTION))
    enable(source.cloud, "false")
    job = source.copy(destination)
    assert job["State"] == "FAILED"
    assert "not enabled" in job["StatusMessage"]


class TestKeys:
    def test_a_destination_with_the_aws_managed_key_is_refused(self, source: Source) -> None:
        job = source.copy(
            vault_of(source.cloud, "backup", allow(COPY_INTO, Principal=FROM_PRODUCTION), key=None)
        )
        assert job["State"] == "FAILED"
        assert "AWS managed key" in job["StatusMessage"]

    @pytest.mark.parametrize("shared", [False, True])
    def test_a_source_whose_key_is_not_shared_is_refused(self, source: Source, shared: bool) -> None:
        key = key_of(source.cloud, "production", *([BACKUP] if shared else []))
        private = backed_up(source.cloud, source.file_system, key=key)
        job = private.copy(vault_of(source.cloud, "backup", allow(COPY_INTO, Principal=FROM_PRODUCTION)))
        assert job["State"] == ("COMPLETED" if shared else "FAILED"), job

    def test_a_source_with_the_aws_managed_key_is_refused(self, source: Source) -> None:
        managed = backed_up(source.cloud, source.file_system, key=None)
        job = managed.copy(vault_of(source.cloud, "backup", allow(COPY_INTO, Principal=FROM_PRODUCTION)))
        assert job["State"] == "FAILED"
        assert "AWS managed key" in job["StatusMessage"]


def test_a_failed_copy_leaves_no_recovery_point(source: Source) -> None:
    destination = vault_of(source.cloud, "backup")
    assert source.copy(destination)["State"] == "FAILED"
    backup = source.cloud.account("backup").client("backup")
    name = destination.rpartition(":")[2]
    assert backup.list_recovery_points_by_backup_vault(BackupVaultName=name)["RecoveryPoints"] == []


def test_a_role_of_another_account_cannot_copy(source: Source) -> None:
    foreign = role(source.cloud, "backup", allow("*"), trust=TRUST)
    with denied("Cross-account pass role is not allowed", "AccessDeniedException"):
        source.copy(vault_of(source.cloud, "backup"), IamRoleArn=foreign.arn)


def test_other_accounts_only_copy_into_a_vault_whatever_its_policy_allows(source: Source) -> None:
    """Source: AWS Backup Developer Guide, "Vault access policies"."""
    actions = ["backup:DescribeBackupVault", "backup:ListTags", "backup:StartRestoreJob"]
    arn = vault_of(source.cloud, "backup", allow(actions, Principal=FROM_PRODUCTION))
    backup = source.cloud.account("production").client("backup")
    for refused in (
        lambda: backup.describe_backup_vault(
            BackupVaultName=arn.rpartition(":")[2], BackupVaultAccountId=BACKUP
        ),
        lambda: backup.list_tags(ResourceArn=arn),
    ):
        with pytest.raises(ClientError) as error:
            refused()
        assert code_of(error) == "AccessDeniedException"


class TestGlobalSettings:
    """Source: UpdateGlobalSettings and DescribeGlobalSettings."""

    def test_only_the_management_account_changes_them(self, organization: LocalCloud) -> None:
        backup = organization.account("production").client("backup")
        with pytest.raises(ClientError) as refused:
            backup.update_global_settings(GlobalSettings={"isCrossAccountBackupEnabled": "true"})
        assert code_of(refused) == "InvalidRequestException"
        settings = backup.describe_global_settings()["GlobalSettings"]
        assert settings["isCrossAccountBackupEnabled"] == "true"

    def test_an_account_without_an_organization_has_none(self, organization: LocalCloud) -> None:
        with pytest.raises(ClientError) as refused:
            organization.account(STRANGER).client("backup").describe_global_settings()
        assert code_of(refused) == "InvalidRequestException"

    @pytest.mark.parametrize("settings", [{"isCrossAccountBackupEnabled": "yes"}, {"other": "true"}])
    def test_unknown_settings_are_refused(self, organization: LocalCloud, settings: dict[str, str]) -> None:
        with pytest.raises(ClientError) as refused:
            organization.client("backup").update_global_settings(GlobalSettings=settings)
        assert code_of(refused) == "InvalidParameterValueException"
