"""Jobs of AWS Backup run as long as a program sets, in AWS's seconds."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.error import HTTPError

import pytest

from localcloud import LocalCloud

pytestmark = pytest.mark.cloud
SCALE = 0.5


def test_a_later_job_is_expected_to_run_for_the_set_time(tmp_path: Path) -> None:
    with LocalCloud.start(file_systems={"home": tmp_path}, time_scale=SCALE) as cloud:
        cloud.set_job_durations(created=0, backup=7200)
        backup = cloud.client("backup")
        backup.create_backup_vault(BackupVaultName="main")
        job = backup.start_backup_job(
            BackupVaultName="main",
            ResourceArn=f"arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/{cloud.file_systems['home'].id}",
            IamRoleArn="arn:aws:iam::123456789012:role/service-role/AWSBackupDefaultServiceRole",
        )["BackupJobId"]
        while (found := backup.describe_backup_job(BackupJobId=job))["State"] in ("CREATED", "PENDING"):
            time.sleep(0.05)
        due = found["ExpectedCompletionDate"] - found["InitiationDate"]
        assert due.total_seconds() == pytest.approx(7200 * SCALE, abs=1)


def test_an_unknown_kind_of_job_is_refused(cloud: LocalCloud) -> None:
    with pytest.raises(HTTPError, match="400"):
        cloud.set_job_durations(repair=1)
