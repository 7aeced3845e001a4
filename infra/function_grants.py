"""The permissions of each function: a table at the end, built from the grants above it.

A function that is missing in the table is not deployed; a test compares it with the files of `lambdas/`.
"""

from __future__ import annotations

import dataclasses

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from infra.file_systems import on_file_systems
from infra.grants import Grant
from infra.names import Names
from infra.notifications import Notifications
from infra.records import Records
from infra.repository import Repository
from infra.workers import Workers
from tidemark.aws.workers import DEPLOYMENT_TAG, INDEX_TAG
from tidemark.policy.policy import policy_parameter
from tidemark.sessions.schema import BY_MONTH, INDEXES, LEASES, RUNNING, SESSIONS

NO_LEVEL = "These actions have no resource level in IAM."


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
            self._pass(self.backup_role, "backup.amazonaws.com"),
        ]

    def start_copy(self) -> list[Grant]:
        """Start a copy job."""
        return [
            Grant(
                actions=("backup:StartCopyJob",),
                resources=(self.names.recovery_point_arns(self.names.region),),
                why_pattern="AWS Backup generates the ids of recovery points.",
            ),
            self._pass(self.backup_role, "backup.amazonaws.com"),
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
                ),
                why_pattern="Executions are named at run time; limited to this deployment's state machines.",
            )
        ]

    def find_network(self) -> list[Grant]:
        """Find a subnet and a security group for the worker, from the mount targets."""
        return [
            *self._on_file_systems("DescribeMountTargets", "DescribeMountTargetSecurityGroups"),
            Grant(
                actions=("ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"),
                resources=("*",),
                why_pattern=NO_LEVEL,
            ),
            # EFS calls EC2 on behalf of its caller. Source: EFS API Reference,
            # DescribeMountTargetSecurityGroups.
            Grant(actions=("ec2:DescribeNetworkInterfaceAttribute",), resources=("*",), why_pattern=NO_LEVEL),
            Grant(
                actions=("ec2:DescribeRouteTables", "ec2:DescribeVpcEndpoints"),
                resources=("*",),
                why_pattern=NO_LEVEL,
            ),
        ]

    def register_task(self) -> list[Grant]:
        """Register the task definition that mounts the file system."""
        roles = self.workers.roles
        return [
            Grant(
                actions=("ecs:RegisterTaskDefinition", "ecs:TagResource"),
                resources=(self._task_definitions(),),
                why_pattern="Task definitions get their ARN at run time; limited to this deployment.",
            ),
            roles.pass_to("ecs-tasks.amazonaws.com", roles.task_role_arn),
            self._pass(self.workers.execution_role, "ecs-tasks.amazonaws.com"),
        ]

    def launch(self) -> list[Grant]:
        """Run one Fargate task or one EC2 instance with this deployment's tag."""
        roles = self.workers.roles
        return [
            Grant(
                actions=("ecs:RunTask",),
                resources=(self._task_definitions(),),
                conditions=self._in_cluster(),
                why_pattern="Task definitions get their ARN at run time; limited to this deployment.",
            ),
            Grant(
                actions=("ecs:TagResource",),
                resources=(self._tasks(),),
                why_pattern="ECS generates the ids of tasks; limited to this deployment's cluster.",
            ),
            roles.pass_to("ecs-tasks.amazonaws.com", roles.task_role_arn),
            self._pass(self.workers.execution_role, "ecs-tasks.amazonaws.com"),
            *self._launch_instance(),
        ]

    def remove_workers(self) -> list[Grant]:
        """Find and stop workers of this deployment."""
        return [
            Grant(
                actions=("ecs:ListTasks",),
                resources=("*",),
                conditions=self._in_cluster(),
                why_pattern="A condition restricts ecs:ListTasks; Fargate has no container instances.",
            ),
            Grant(
                actions=("ecs:DescribeTasks", "ecs:StopTask"),
                resources=(self._tasks(),),
                why_pattern="ECS generates the ids of tasks; limited to this deployment's cluster.",
            ),
            Grant(actions=("ec2:DescribeInstances",), resources=("*",), why_pattern=NO_LEVEL),
            Grant(
                actions=("ec2:TerminateInstances",),
                resources=(self.names.arn("ec2", "instance/*"),),
                conditions={
                    "StringEquals": {f"aws:ResourceTag/{DEPLOYMENT_TAG}": self.names.deployment},
                    "Null": {f"aws:ResourceTag/{INDEX_TAG}": "false"},
                },
                why_pattern="EC2 generates the ids of instances; limited to this deployment's tags.",
            ),
        ]

    def fail_workers(self) -> list[Grant]:
        """Fail the step of a stopped worker, and read whether an instance was a worker."""
        return [
            Grant(
                actions=("states:SendTaskFailure",),
                resources=(self.names.state_machine_arn("indexing-session"),),
            ),
            Grant(actions=("ec2:DescribeInstances",), resources=("*",), why_pattern=NO_LEVEL),
        ]

    def deregister_tasks(self) -> list[Grant]:
        """Deregister task definitions."""
        return [Grant(actions=("ecs:DeregisterTaskDefinition",), resources=("*",), why_pattern=NO_LEVEL)]

    def find_task_definitions(self) -> list[Grant]:
        """Find task definitions that ended sessions left behind."""
        return [
            Grant(
                actions=(
                    "ecs:ListTaskDefinitionFamilies",
                    "ecs:ListTaskDefinitions",
                    "ecs:DescribeTaskDefinition",
                ),
                resources=("*",),
                why_pattern=NO_LEVEL,
            )
        ]

    def _launch_instance(self) -> list[Grant]:
        arn, roles = self.names.arn, self.workers.roles
        return [
            Grant(
                actions=("ec2:RunInstances",),
                resources=(arn("ec2", "instance/*"), arn("ec2", "volume/*")),
                conditions={"StringEquals": {f"aws:RequestTag/{DEPLOYMENT_TAG}": self.names.deployment}},
                why_pattern="EC2 generates the ids of instances and volumes; limited by tag.",
            ),
            Grant(
                actions=("ec2:RunInstances",),
                resources=(
                    arn("ec2", "network-interface/*"),
                    arn("ec2", "subnet/*"),
                    arn("ec2", "security-group/*"),
                    self.names.amazons_arn("ec2", "image/*"),
                ),
                why_pattern="Subnet and security groups come from the mount targets, the image from Amazon.",
            ),
            Grant(
                actions=("ec2:CreateTags",),
                resources=(arn("ec2", "instance/*"), arn("ec2", "volume/*")),
                conditions={"StringEquals": {"ec2:CreateAction": "RunInstances"}},
                why_pattern="EC2 generates the ids; limited to tagging on creation of instances and volumes.",
            ),
            Grant(
                actions=("ssm:GetParameters",),
                resources=(self.names.amazons_arn("ssm", "parameter/aws/service/ami-amazon-linux-latest/*"),),
                why_pattern="Amazon's public parameters with its current images.",
            ),
            roles.pass_to("ec2.amazonaws.com", roles.instance_role_arn),
        ]

    def _on_file_systems(self, *operations: str) -> list[Grant]:
        return on_file_systems(self.names, self.file_systems, *operations)

    def _vaults(self) -> tuple[str, ...]:
        return tuple(self.names.vault_arn(region, name) for region, name in self.vaults.items())

    def _points(self) -> tuple[str, ...]:
        return tuple(self.names.recovery_point_arns(region) for region in self.vaults)

    def _task_definitions(self) -> str:
        return self.names.arn("ecs", f"task-definition/{self.names.named('worker-')}*")

    def _tasks(self) -> str:
        return self.names.arn("ecs", f"task/{self.workers.cluster_name}/*")

    def _in_cluster(self) -> dict[str, dict[str, str]]:
        return {"ArnEquals": {"ecs:cluster": self.names.arn("ecs", f"cluster/{self.workers.cluster_name}")}}

    def _pass(self, passed: iam.Role, service: str) -> Grant:
        return Grant(
            actions=("iam:PassRole",),
            resources=(passed.role_arn,),
            conditions={"StringEquals": {"iam:PassedToService": service}},
        )

    def table(self) -> dict[str, list[Grant]]:
        """Return the grants of each function, by the name of its file."""
        items, policies = self.records.items, self.read_policies()
        session, index, both = (SESSIONS,), (INDEXES,), (SESSIONS, INDEXES)
        read_or_change = items(get=session, update=session)
        # For steps that record points or end an index: each writes its half and reads the other's.
        settle = [*items(get=both, put=index, update=session), *self.tag_points()]
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
            "prepare_worker": [*hold, *policies, *self.find_network(), *self.register_task()],
            "launch_worker": [*hold, *self.launch(), *self.remove_workers()],
            "complete_index": [*end, *self.publish_indexes(), *self.answer_sessions()],
            "fail_index": [*end, *self.answer_sessions()],
            "remove_worker": [
                *items(get=index),
                *self.remove_workers(),
                *self.deregister_tasks(),
                *self.remove_leftovers(),
            ],
            "worker_stopped": [*items(get=index), *self.fail_workers()],  # on a schedule
            "sweep": [
                *end,
                *self.records.search(RUNNING, LEASES),
                *self.answer_sessions(),
                *self.describe_executions(),
                *self.poll_backup_jobs(),
                *self.poll_copy_jobs(),
                *self.describe_points(),
                *self.remove_workers(),
                *self.find_task_definitions(),
                *self.deregister_tasks(),
            ],
        }
