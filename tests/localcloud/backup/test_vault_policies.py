"""Access policies of vaults, EFS's own vault included, as boto3 sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.backup.automatic_vault import DENIED_ACTIONS
from tests.localcloud.backup.conftest import ROLE, Backups

pytestmark = pytest.mark.cloud
AUTOMATIC = "aws/efs/automatic-backup-vault"


def denying(action: str, **changes: Any) -> str:
    statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*", **changes}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def guarded(backups: Backups) -> Iterator[Backups]:
    yield backups
    backups.client().delete_backup_vault_access_policy(BackupVaultName="main")


def test_a_vault_that_denies_restores_refuses_them_and_nothing_else(guarded: Backups) -> None:
    point, client = guarded.backed_up("other"), guarded.client()
    client.put_backup_vault_access_policy(BackupVaultName="main", Policy=denying("backup:StartRestoreJob"))
    with pytest.raises(ClientError, match=r"AccessDeniedException.*Insufficient privileges"):
        guarded.restore(point)
    client.describe_recovery_point(BackupVaultName="main", RecoveryPointArn=point)
    client.delete_backup_vault_access_policy(BackupVaultName="main")
    assert guarded.restored(point)["Status"] == "COMPLETED"


def test_a_denial_concerns_its_principals_only(guarded: Backups) -> None:
    point, client = guarded.backed_up("other"), guarded.client()
    stranger = {"AWS": "arn:aws:iam::123456789012:role/stranger"}
    policy = denying("backup:DeleteRecoveryPoint", Principal=stranger)
    client.put_backup_vault_access_policy(BackupVaultName="main", Policy=policy)
    client.delete_recovery_point(BackupVaultName="main", RecoveryPointArn=point)


def test_a_policy_is_returned_as_it_was_put_and_not_after_its_deletion(guarded: Backups) -> None:
    client, policy = guarded.client(), denying("backup:StartCopyJob")
    client.put_backup_vault_access_policy(BackupVaultName="main", Policy=policy)
    returned = client.get_backup_vault_access_policy(BackupVaultName="main")
    assert json.loads(returned["Policy"]) == json.loads(policy)
    client.delete_backup_vault_access_policy(BackupVaultName="main")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_backup_vault_access_policy(BackupVaultName="main")


@pytest.mark.parametrize("policy", ["", "[]", "{}", '{"Statement": []}', denying("backup:*"), "no JSON"])
def test_a_policy_that_is_none_is_refused(backups: Backups, policy: str) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        backups.client().put_backup_vault_access_policy(BackupVaultName="main", Policy=policy)


def test_the_vault_of_automatic_backups_denies_restores_until_its_policy_is_changed(
    backups: Backups,
) -> None:
    efs, client = backups.cloud.client("efs"), backups.client()
    other = backups.cloud.file_systems["other"].id
    efs.put_backup_policy(FileSystemId=other, BackupPolicy={"Status": "ENABLED"})
    job = client.start_backup_job(
        BackupVaultName=AUTOMATIC, ResourceArn=backups.arn("other"), IamRoleArn=ROLE
    )
    point = backups.ended(job["BackupJobId"])["RecoveryPointArn"]
    described = client.describe_recovery_point(BackupVaultName=AUTOMATIC, RecoveryPointArn=point)
    assert described["BackupVaultName"] == AUTOMATIC
    with pytest.raises(ClientError, match="AccessDeniedException"):
        backups.restore(point)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        client.delete_recovery_point(BackupVaultName=AUTOMATIC, RecoveryPointArn=point)
    others = [action for action in DENIED_ACTIONS if action != "backup:StartRestoreJob"]
    policy = json.loads(denying("backup:DeleteBackupVault"))
    policy["Statement"][0]["Action"] = others
    client.put_backup_vault_access_policy(BackupVaultName=AUTOMATIC, Policy=json.dumps(policy))
    assert backups.restored(point)["Status"] == "COMPLETED"
