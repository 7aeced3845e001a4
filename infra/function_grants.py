"""What each function may do: the table at the end; above it, the words the table is written in.

A function that is missing here is not deployed, and a test compares the table with the files of `lambdas/`.
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
    """Grants by what they are for."""

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
        """Read a policy and the lists of its file systems, and list the names of policies."""
        below = policy_parameter(self.names.deployment, "")
        return [
            Grant(
                actions=("ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"),
                resources=(
                    self.names.arn("ssm", f"parameter{below.rstrip('/')}"),
                    self.names.arn("ssm", f"parameter{below}*"),
                ),
                why_pattern="An unknown policy is answered with the names of those there are.",
            )
        ]

    def seal_tags(self) -> list[Grant]:
        """Use the tags' data keys, and make the first one."""
        return [
            *self.repository.write("tag-keys/"),
            *self.repository.read_versions("tag-keys/"),
            Grant(actions=("kms:GenerateDataKey", "kms:Decrypt"), resources=(self.tag_key.key_arn,)),
        ]

    def publish_indexes(self) -> list[Grant]:
        """Make an index of what its worker has proposed."""
        return self.repository.publish(f"indexes/{Aws.ACCOUNT_ID}/")

    def remove_leftovers(self) -> list[Grant]:
        """Remove what lost workers have left next to the last indexes."""
        return self.repository.clean(f"indexes/{Aws.ACCOUNT_ID}/")

    def tag_points(self) -> list[Grant]:
        """Read and write the tags of recovery points, to tell them their index."""
        return [
            *self.repository.read("tag-keys/"),
            Grant(actions=("kms:Decrypt",), resources=(self.tag_key.key_arn,)),
            Grant(
                actions=("backup:ListTags", "backup:TagResource"),
                resources=self._points(),
                why_pattern="AWS Backup makes the ids of recovery points.",
            ),
        ]

    def describe_vaults(self) -> list[Grant]:
        """Check that the vaults are there, and AWS Backup opted in for EFS."""
        return [
            Grant(actions=("backup:DescribeBackupVault",), resources=self._vaults()),
            Grant(actions=("backup:DescribeRegionSettings",), resources=("*",), why_pattern=NO_LEVEL),
        ]

    def describe_points(self) -> list[Grant]:
        """Read how long AWS Backup will keep a recovery point."""
        return [
            Grant(
                actions=("backup:DescribeRecoveryPoint",),
                resources=self._points(),
                why_pattern="AWS Backup makes the ids of recovery points.",
            )
        ]

    def list_jobs(self) -> list[Grant]:
        """Find the job that kept another of its file system from starting."""
        return [
            Grant(
                actions=("backup:ListBackupJobs", "backup:ListCopyJobs"),
                resources=("*",),
                why_pattern=NO_LEVEL,
            )
        ]

    def check_file_systems(self) -> list[Grant]:
        """Check that the policies' file systems are there and can be mounted."""
        return self._on_file_systems("DescribeFileSystems", "DescribeMountTargets")

    def start_backup(self) -> list[Grant]:
        """Start a backup job into the Region's vault, with tags."""
        return [
            Grant(
                actions=("backup:StartBackupJob",),
                resources=(self.names.vault_arn(self.names.region, self.vaults[self.names.region]),),
            ),
            Grant(
                actions=("backup:TagResource",),
                resources=(self.names.recovery_point_arns(self.names.region),),
                why_pattern="AWS Backup makes the ids of recovery points.",
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
                why_pattern="AWS Backup makes the ids of recovery points.",
            ),
            self._pass(self.backup_role, "backup.amazonaws.com"),
        ]

    def poll_backup_jobs(self) -> list[Grant]:
        """Ask where a backup job stands."""
        return [Grant(actions=("backup:DescribeBackupJob",), resources=("*",), why_pattern=NO_LEVEL)]

    def poll_copy_jobs(self) -> list[Grant]:
        """Ask where a copy job stands."""
        return [Grant(actions=("backup:DescribeCopyJob",), resources=("*",), why_pattern=NO_LEVEL)]

    def answer_sessions(self) -> list[Grant]:
        """Wake the sessions that wait for an index."""
        return [
            Grant(
                actions=("states:SendTaskSuccess",),
                resources=(self.names.state_machine_arn("backup-session"),),
            )
        ]

    def describe_executions(self) -> list[Grant]:
        """Ask whether an execution still runs."""
        return [
            Grant(
                actions=("states:DescribeExecution",),
                resources=(
                    self.names.execution_arns("indexing-session"),
                    self.names.execution_arns("backup-session"),
                ),
                why_pattern="Executions are named at run time; only those of this deployment's machines.",
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
            # EFS asks EC2 in its caller's name. Source: EFS API Reference, DescribeMountTargetSecurityGroups.
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
                why_pattern="Task definitions are registered at run time, in this deployment's families.",
            ),
            roles.pass_to("ecs-tasks.amazonaws.com", roles.task_role_arn),
            self._pass(self.workers.execution_role, "ecs-tasks.amazonaws.com"),
        ]

    def launch(self) -> list[Grant]:
        """Run one Fargate task or one EC2 instance, tagged as ours."""
        roles = self.workers.roles
        return [
            Grant(
                actions=("ecs:RunTask",),
                resources=(self._task_definitions(),),
                conditions=self._in_cluster(),
                why_pattern="Task definitions are registered at run time, in this deployment's families.",
            ),
            Grant(
                actions=("ecs:TagResource",),
                resources=(self._tasks(),),
                why_pattern="ECS makes the ids of tasks; only those of this deployment's cluster.",
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
                why_pattern="ecs:ListTasks is restricted by its condition; Fargate has no hosts to name.",
            ),
            Grant(
                actions=("ecs:DescribeTasks", "ecs:StopTask"),
                resources=(self._tasks(),),
                why_pattern="ECS makes the ids of tasks; only those of this deployment's cluster.",
            ),
            Grant(actions=("ec2:DescribeInstances",), resources=("*",), why_pattern=NO_LEVEL),
            Grant(
                actions=("ec2:TerminateInstances",),
                resources=(self.names.arn("ec2", "instance/*"),),
                conditions={
                    "StringEquals": {f"aws:ResourceTag/{DEPLOYMENT_TAG}": self.names.deployment},
                    "Null": {f"aws:ResourceTag/{INDEX_TAG}": "false"},
                },
                why_pattern="EC2 makes the ids of instances; only those with this deployment's tags.",
            ),
        ]

    def fail_workers(self) -> list[Grant]:
        """Answer for a worker that has stopped, and read of an instance whether it was one."""
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
        """Find the task definitions that were left behind."""
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
                why_pattern="EC2 makes the ids of instances and volumes; only with this deployment's tag.",
            ),
            Grant(
                actions=("ec2:RunInstances",),
                resources=(
                    arn("ec2", "network-interface/*"),
                    arn("ec2", "subnet/*"),
                    arn("ec2", "security-group/*"),
                    self.names.amazons_arn("ec2", "image/*"),
                ),
                why_pattern="Subnet and groups come from the mount targets, the image from Amazon.",
            ),
            Grant(
                actions=("ec2:CreateTags",),
                resources=(arn("ec2", "instance/*"), arn("ec2", "volume/*")),
                conditions={"StringEquals": {"ec2:CreateAction": "RunInstances"}},
                why_pattern="EC2 makes the ids; tags can be set only while instances and volumes are made.",
            ),
            Grant(
                actions=("ssm:GetParameters",),
                resources=(self.names.amazons_arn("ssm", "parameter/aws/service/ami-amazon-linux-latest/*"),),
                why_pattern="Amazon's public parameters that name its current images.",
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
        """Return what each function may do, by the name of its file."""
        items, policies = self.records.items, self.read_policies()
        session, index, both = (SESSIONS,), (INDEXES,), (SESSIONS, INDEXES)
        read_or_change = items(get=session, update=session)
        # A session's points are recorded, or its index has ended: each writes its half and reads the other's.
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
            "worker_stopped": [*items(get=index), *self.fail_workers()],
            # by itself, again and again
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
