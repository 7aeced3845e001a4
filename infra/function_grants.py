"""The permissions of each function: a table at the end, built from the grants above it.

A function that is missing in the table is not deployed; a test compares it with the files of `lambdas/`.
"""

from __future__ import annotations

import dataclasses

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from infra.file_systems import on_file_systems, remove_temporary_file_systems
from infra.grants import NO_LEVEL, Grant, pass_role
from infra.names import Names
from infra.notifications import Notifications
from infra.records import Records
from infra.repository import Repository
from infra.workers import Workers
from tidemark.aws.workers import PLACING
from tidemark.policy.policy import policy_parameter
from tidemark.sessions.schema import (
    BY_MONTH,
    INDEXES,
    LEASES,
    RESTORES,
    RESTORES_RUNNING,
    RUNNING,
    SESSIONS,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FunctionGrants:
    """Grants by purpose."""

    names: Names
    vaults: dict[str, str]  # Region -> name
    file_systems: list[str]
    records: Records
    repository: Repository
    tag_key: kms.Key
    backup_role: iam.Role
    notifications: Notifications
    workers: Workers

    def read_policies(self) -> list[Grant]:
        """Read a policy and its lists of file systems, and list the names of policies."""
        below = policy_parameter(self.names.deployment, "")
        return [
            Grant(
                actions=("ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"),
                resources=(
                    self.names.arn("ssm", f"parameter{below.rstrip('/')}"),
                    self.names.arn("ssm", f"parameter{below}*"),
                ),
                why_pattern="The error for an unknown policy lists the existing names.",
            )
        ]

    def seal_tags(self) -> list[Grant]:
        """Use the tags' data keys, and create the first one."""
        return [
            *self.repository.write("tag-keys/"),
            *self.repository.read_versions("tag-keys/"),
            Grant(actions=("kms:GenerateDataKey", "kms:Decrypt"), resources=(self.tag_key.key_arn,)),
        ]

    def publish_indexes(self) -> list[Grant]:
        """Publish an index that its worker has proposed."""
        return self.repository.publish(f"indexes/{Aws.ACCOUNT_ID}/")

    def remove_leftovers(self) -> list[Grant]:
        """Remove files that lost workers left next to the latest indexes."""
        return self.repository.clean(f"indexes/{Aws.ACCOUNT_ID}/")

    def tag_points(self) -> list[Grant]:
        """Read and write the tags of recovery points, to record their index."""
        return [
            *self.repository.read("tag-keys/"),
            Grant(actions=("kms:Decrypt",), resources=(self.tag_key.key_arn,)),
            Grant(
                actions=("backup:ListTags", "backup:TagResource"),
                resources=self._points(),
                why_pattern="AWS Backup generates the ids of recovery points.",
            ),
        ]

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

    def list_jobs(self) -> list[Grant]:
        """Find the job that prevented another job of the same file system from starting."""
        return [
            Grant(
                actions=("backup:ListBackupJobs", "backup:ListCopyJobs"),
                resources=("*",),
                why_pattern=NO_LEVEL,
            )
        ]

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

    def answer_sessions(self) -> list[Grant]:
        """Send results to the sessions that wait for an index."""
        return [
            Grant(
                actions=("states:SendTaskSuccess",),
                resources=(self.names.state_machine_arn("backup-session"),),
            )
        ]

    def describe_executions(self) -> list[Grant]:
        """Read the status of executions."""
        return [
            Grant(
                actions=("states:DescribeExecution",),
                resources=(
                    self.names.execution_arns("indexing-session"),
                    self.names.execution_arns("backup-session"),
                    self.names.execution_arns("restore-session"),
                    self.names.execution_arns("restore-test"),
                ),
                why_pattern="Executions are named at run time; limited to this deployment's state machines.",
            )
        ]

    def start_missed_tests(self) -> list[Grant]:
        """Find restore tests whose event did not arrive, and verify them."""
        return [
            Grant(actions=("backup:ListRestoreJobs",), resources=("*",), why_pattern=NO_LEVEL),
            Grant(
                actions=("states:StartExecution",), resources=(self.names.state_machine_arn("restore-test"),)
            ),
        ]

    def fail_workers(self) -> list[Grant]:
        """Fail the step of a stopped worker, and read whether an instance was a worker."""
        return [
            Grant(
                actions=("states:SendTaskFailure",),
                resources=tuple(
                    map(self.names.state_machine_arn, ("indexing-session", "restore-session", "restore-test"))
                ),
            ),
            Grant(actions=("ec2:DescribeInstances",), resources=("*",), why_pattern=NO_LEVEL),
        ]

    def _on_file_systems(self, *operations: str) -> list[Grant]:
        return on_file_systems(self.names, self.file_systems, *operations)

    def _vaults(self) -> tuple[str, ...]:
        return tuple(self.names.vault_arn(region, name) for region, name in self.vaults.items())

    def _points(self) -> tuple[str, ...]:
        return tuple(self.names.recovery_point_arns(region) for region in self.vaults)

    def table(self) -> dict[str, list[Grant]]:
        """Return the grants of each function, by the name of its file."""
        items, policies = self.records.items, self.read_policies()
        worker = self.workers.grants(self.file_systems)
        session, index, both, restore = (SESSIONS,), (INDEXES,), (SESSIONS, INDEXES), (RESTORES,)
        read_or_change = items(get=session, update=session)
        # For steps that record points or end an index: each writes its half and reads the other's.
        settle = [*items(get=both, put=index, update=both), *self.tag_points()]
        share = items(get=both, put=index, update=both)
        end = [*items(get=both, put=index, update=both, delete=index), *self.tag_points()]
        hold = items(get=index, update=index)
        return {
            # policy-run
            "resolve_policy": policies,
            "fail_policy_run": [],
            # backup-session
            "open_session": [
                *items(get=both, put=session, update=index),
                *policies,
                *self.describe_vaults(),
                *self.check_file_systems(),
            ],
            "start_backup": [
                *read_or_change,
                *self.records.search(BY_MONTH),
                *policies,
                *self.seal_tags(),
                *self.start_backup(),
            ],
            "check_backup": [*settle, *self.poll_backup_jobs(), *self.list_jobs(), *self.describe_points()],
            "start_copy": [*read_or_change, *policies, *self.start_copy()],
            "check_copy": [*settle, *self.poll_copy_jobs(), *self.describe_points()],
            "claim_index": [*share, *self.tag_points()],
            "await_index": [*items(get=both, update=session), *self.answer_sessions()],
            "close_session": [*settle, *self.notifications.publish()],
            "fail_session": items(get=both, update=both),
            # indexing-session
            "prepare_worker": [*hold, *policies, *worker.find_network(), *worker.register_task()],
            "launch_worker": [*hold, *worker.launch(), *worker.remove_workers()],
            "complete_index": [*end, *self.publish_indexes(), *self.answer_sessions()],
            "fail_index": [*end, *self.answer_sessions()],
            "remove_worker": [
                *items(get=index),
                *worker.remove_workers(),
                *worker.deregister_tasks(),
                *self.remove_leftovers(),
            ],
            "worker_stopped": [*items(get=(*index, *restore)), *self.fail_workers()],  # on a schedule
            "sweep": [
                *end,
                *items(get=restore, update=restore),
                *self.records.search(RUNNING, LEASES, RESTORES_RUNNING),
                *self.answer_sessions(),
                *self.describe_executions(),
                *self.poll_backup_jobs(),
                *self.poll_copy_jobs(),
                *self.describe_points(),
                *worker.remove_workers(),
                worker.terminate(PLACING),
                *worker.find_task_definitions(),
                *worker.deregister_tasks(),
                *remove_temporary_file_systems(self.names),
                *self.start_missed_tests(),
            ],
        }
