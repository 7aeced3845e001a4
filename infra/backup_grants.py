"""The permissions to back up file systems of one site: vaults, jobs, recovery points."""

from __future__ import annotations

import dataclasses

from aws_cdk import aws_iam as iam

from infra.file_systems import EVERY, on_file_systems
from infra.grants import NO_LEVEL, Grant, pass_role
from infra.names import Names


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BackupGrants:
    """Grants by purpose."""

    names: Names
    vaults: dict[str, str]  # Region -> name
    file_systems: list[str]
    backup_role: iam.Role

    def describe_vaults(self) -> list[Grant]:
        """Check that the vaults exist and that AWS Backup is opted in for EFS."""
        return [
            Grant(actions=("backup:DescribeBackupVault",), resources=self._vaults()),
            Grant(actions=("backup:DescribeRegionSettings",), resources=("*",), why_pattern=NO_LEVEL),
        ]

    def describe_points(self) -> list[Grant]:
        """Read the retention of a recovery point."""
        return [
            Grant(
                actions=("backup:DescribeRecoveryPoint",),
                resources=self._points(),
                why_pattern="AWS Backup generates the ids of recovery points.",
            )
        ]

    def find_points(self) -> list[Grant]:
        """List the recovery points of a file system in all vaults of a Region."""
        return [
            Grant(actions=("backup:ListRecoveryPointsByResource",), resources=("*",), why_pattern=NO_LEVEL)
        ]

    def hold_points(self) -> list[Grant]:
        """Change the retention of a recovery point."""
        return [
            Grant(
                actions=("backup:UpdateRecoveryPointLifecycle",),
                resources=self._points(),
                why_pattern="AWS Backup generates the ids of recovery points.",
            )
        ]

    def change_tags(self) -> list[Grant]:
        """Read and write the tags of recovery points."""
        return [
            Grant(
                actions=("backup:ListTags", "backup:TagResource"),
                resources=self._points(),
                why_pattern="AWS Backup generates the ids of recovery points.",
            )
        ]

    def list_jobs(self) -> list[Grant]:
        """Find the job that prevented another job of the same file system from starting."""
        return [
            Grant(
                actions=("backup:ListBackupJobs", "backup:ListCopyJobs"),
                resources=("*",),
                why_pattern=NO_LEVEL,
            )
        ]

    def list_file_systems(self) -> list[Grant]:
        """List the file systems from which policies select."""
        return on_file_systems(self.names, [EVERY], "DescribeFileSystems")

    def check_file_systems(self) -> list[Grant]:
        """Check that the policies' file systems exist and can be mounted."""
        return self._on_file_systems("DescribeFileSystems", "DescribeMountTargets")

    def start_backup(self) -> list[Grant]:
        """Start a backup job with tags, into the Region's vault."""
        return [
            Grant(
                actions=("backup:StartBackupJob",),
                resources=(self.names.vault_arn(self.names.region, self.vaults[self.names.region]),),
            ),
            Grant(
                actions=("backup:TagResource",),
                resources=(self.names.recovery_point_arns(self.names.region),),
                why_pattern="AWS Backup generates the ids of recovery points.",
            ),
            Grant(
                actions=("iam:CreateServiceLinkedRole",),
                resources=(self.names.service_linked_role_arn("backup", "AWSServiceRoleForBackup"),),
                conditions={"StringEquals": {"iam:AWSServiceName": "backup.amazonaws.com"}},
            ),
            pass_role(self.backup_role, "backup.amazonaws.com"),
        ]

    def start_copy(self) -> list[Grant]:
        """Start a copy job."""
        return [
            Grant(
                actions=("backup:StartCopyJob",),
                resources=(self.names.recovery_point_arns(self.names.region),),
                why_pattern="AWS Backup generates the ids of recovery points.",
            ),
            pass_role(self.backup_role, "backup.amazonaws.com"),
        ]

    def poll_backup_jobs(self) -> list[Grant]:
        """Poll a backup job."""
        return [Grant(actions=("backup:DescribeBackupJob",), resources=("*",), why_pattern=NO_LEVEL)]

    def poll_copy_jobs(self) -> list[Grant]:
        """Poll a copy job."""
        return [Grant(actions=("backup:DescribeCopyJob",), resources=("*",), why_pattern=NO_LEVEL)]

    def _on_file_systems(self, *operations: str) -> list[Grant]:
        return on_file_systems(self.names, self.file_systems, *operations)

    def _vaults(self) -> tuple[str, ...]:
        return tuple(self.names.vault_arn(region, name) for region, name in self.vaults.items())

    def _points(self) -> tuple[str, ...]:
        return tuple(self.names.recovery_point_arns(region) for region in self.vaults)
