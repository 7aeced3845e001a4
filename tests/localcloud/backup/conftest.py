"""A local cloud with two vaults in two Regions and a file system with every kind of entry."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from localcloud import LocalCloud

ROLE = "arn:aws:iam::123456789012:role/service-role/AWSBackupDefaultServiceRole"
HERE, THERE = "eu-central-1", "eu-west-1"
COPY_VAULT = f"arn:aws:backup:{THERE}:123456789012:backup-vault:copies"


def make_tree(top: Path) -> None:
    """Fill a directory with what file systems hold: pleasant and unpleasant."""
    (top / "docs" / "deep" / "deeper").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "docs" / "a.txt").write_text("a" * 5000)
    (top / "docs" / "deep" / "nothing").touch()
    (top / "docs" / "new\nline").write_text("name with a line break")
    (top / "docs" / "deep" / "loop").symlink_to("..")
    (top / "dangling").symlink_to("/nowhere/at/all")
    (top / "link to a directory").symlink_to("docs")
    with (top / "sparse").open("wb") as file:
        file.seek(3 << 20)
        file.write(b"end")
        file.truncate(8 << 20)
    os.link(top / "docs" / "a.txt", top / "docs" / "deep" / "the same as a.txt")
    bytes_top = os.fsencode(top)
    with open(bytes_top + b"/not \xff\xfe utf-8", "wb") as file:
        file.write(b"bytes")
    os.mkfifo(top / "fifo")
    with socket.socket(socket.AF_UNIX) as unix:
        before = Path.cwd()
        os.chdir(top)  # the path of a socket is at most 108 bytes long
        unix.bind("socket")
        os.chdir(before)
    (top / "docs" / "a.txt").chmod(0o640)
    (top / "docs" / "deep" / "nothing").chmod(0o4755)
    (top / "empty").chmod(0o500)
    os.utime(top / "docs" / "a.txt", ns=(1_000_000_000_123_456_789, 1_100_000_000_987_654_321))
    os.utime(top / "dangling", ns=(1, 2), follow_symlinks=False)
    os.utime(top / "docs", ns=(3_000_000_000, 4_000_000_001))


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """A local cloud and short words for what the tests do with it."""

    cloud: LocalCloud
    state: Path
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, region: str = HERE) -> Any:
        """Return the Backup client of a Region."""
        if region not in self._clients:
            self._clients[region] = self.cloud.client("backup", region)
        return self._clients[region]

    def arn(self, name: str = "home") -> str:
        """Return a file system's ARN."""
        return f"arn:aws:elasticfilesystem:{HERE}:123456789012:file-system/{self.cloud.file_systems[name].id}"

    def start(self, name: str = "home", **changes: Any) -> dict[str, Any]:
        """Start a backup job."""
        request = {"BackupVaultName": "main", "ResourceArn": self.arn(name), "IamRoleArn": ROLE, **changes}
        return self.client().start_backup_job(**request)

    def start_copy(self, point_arn: str, **changes: Any) -> str:
        """Start a copy job into the other Region."""
        request = {
            "RecoveryPointArn": point_arn,
            "SourceBackupVaultName": "main",
            "DestinationBackupVaultArn": COPY_VAULT,
            "IamRoleArn": ROLE,
        }
        return self.client().start_copy_job(**{**request, **changes})["CopyJobId"]

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a backup job."""
        return self.client().describe_backup_job(BackupJobId=job_id)

    def copy(self, job_id: str) -> dict[str, Any]:
        """Return a copy job."""
        return self.client().describe_copy_job(CopyJobId=job_id)["CopyJob"]

    def ended(self, job_id: str, describe: Callable[[str], dict[str, Any]] | None = None) -> dict[str, Any]:
        """Return a job once it has ended."""
        describe = describe or self.job
        until = time.monotonic() + 30
        while time.monotonic() < until:
            job = describe(job_id)
            if job.get("State", job.get("Status")) not in ("CREATED", "PENDING", "RUNNING", "ABORTING"):
                return job
            time.sleep(0.05)
        raise AssertionError(f"not ended after 30 s: {job}")

    def backed_up(self, name: str = "home", **changes: Any) -> str:
        """Make a backup and return its recovery point's ARN."""
        job = self.ended(self.start(name, **changes)["BackupJobId"])
        assert job["State"] == "COMPLETED", job
        return str(job["RecoveryPointArn"])

    def restore(self, point_arn: str, *, token: str | None = None, role: str = ROLE, **metadata: str) -> str:
        """Start a restore into the file system `other`, unless the metadata names another target."""
        target = {"file-system-id": self.cloud.file_systems["other"].id, "newFileSystem": "false"}
        request = {"IdempotencyToken": token} if token else {}
        return str(
            self.client().start_restore_job(
                RecoveryPointArn=point_arn,
                IamRoleArn=role,
                ResourceType="EFS",
                Metadata={**target, **metadata},
                **request,
            )["RestoreJobId"]
        )

    def restored(self, point_arn: str, *, role: str = ROLE, **metadata: str) -> dict[str, Any]:
        """Restore as `restore` does, and return the job once it has ended."""
        return self.ended(self.restore(point_arn, role=role, **metadata), self.restore_job)

    def restore_job(self, job_id: str) -> dict[str, Any]:
        """Return a restore job."""
        return self.client().describe_restore_job(RestoreJobId=job_id)

    def directories(self, kind: str = "restore") -> set[Path]:
        """Return what restores into `other` have left."""
        root = self.cloud.directory_of(self.cloud.file_systems["other"].id)
        return set(root.glob(f"aws-backup-{kind}_*"))

    def tree(self, point_arn: str) -> Path:
        """Return where the bytes of a recovery point are."""
        (found,) = self.state.glob(f"backup/points/*/*/*/{point_arn.rsplit(':', 1)[1]}/tree")
        return found


@pytest.fixture(scope="package")
def backups(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backups]:
    homes = {name: tmp_path_factory.mktemp(name) for name in ("home", "other")}
    make_tree(homes["home"])
    (homes["other"] / "file").write_text("other")
    state = tmp_path_factory.mktemp("state")
    with LocalCloud.start(file_systems=homes, time_scale=0.001, state=state, region=HERE) as cloud:
        backups = Backups(cloud=cloud, state=state)
        backups.client().create_backup_vault(BackupVaultName="main")
        backups.client(THERE).create_backup_vault(BackupVaultName="copies")
        yield backups


@pytest.fixture(autouse=True)
def _no_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "backups" in request.fixturenames:
        request.getfixturevalue("backups").cloud.faults.clear()
