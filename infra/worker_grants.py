"""The permissions of functions that launch, find and remove workers of one purpose."""

from __future__ import annotations

import dataclasses

from aws_cdk import aws_iam as iam

from infra.file_systems import on_file_systems
from infra.grants import NO_LEVEL, Grant, pass_role
from infra.names import Names
from infra.worker_roles import WorkerRoles
from tidemark.aws.workers import DEPLOYMENT_TAG, Purpose


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkerGrants:
    """Grants by purpose of the function."""

    names: Names
    file_systems: list[str]
    purpose: Purpose
    roles: WorkerRoles
    execution_role: iam.IRole
    cluster_name: str

    def find_network(self) -> list[Grant]:
        """Find a subnet and a security group for the worker, from the mount targets."""
        return [
            *on_file_systems(
                self.names, self.file_systems, "DescribeMountTargets", "DescribeMountTargetSecurityGroups"
            ),
            # EFS calls EC2 on behalf of its caller. Source: EFS API Reference,
            # DescribeMountTargetSecurityGroups.
            Grant(actions=("ec2:DescribeNetworkInterfaceAttribute",), resources=("*",), why_pattern=NO_LEVEL),
            *self.find_planned_network(),
        ]

    def find_planned_network(self) -> list[Grant]:
        """Find a subnet and a security group for the worker; the mount targets are known."""
        return [
            Grant(
                actions=(
                    "ec2:DescribeSubnets",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeRouteTables",
                    "ec2:DescribeVpcEndpoints",
                ),
                resources=("*",),
                why_pattern=NO_LEVEL,
            )
        ]

    def register_task(self) -> list[Grant]:
        """Register the task definition that mounts the file system."""
        roles = self.roles
        return [
            Grant(
                actions=("ecs:RegisterTaskDefinition", "ecs:TagResource"),
                resources=(self._task_definitions(),),
                why_pattern="Task definitions get their ARN at run time; limited to this deployment.",
            ),
            roles.pass_to("ecs-tasks.amazonaws.com", roles.task_role_arn),
            pass_role(self.execution_role, "ecs-tasks.amazonaws.com"),
        ]

    def run_tasks_as(self, task_role: iam.IRole) -> list[Grant]:
        """Register a task definition with a role of its own, and run Fargate tasks of it."""
        register, _, execution = self.register_task()
        run, tag, *_ = self.launch()
        return [register, run, tag, pass_role(task_role, "ecs-tasks.amazonaws.com"), execution]

    def launch(self) -> list[Grant]:
        """Run one Fargate task or one EC2 instance with this deployment's tag."""
        roles = self.roles
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
            pass_role(self.execution_role, "ecs-tasks.amazonaws.com"),
            *self._launch_instance(),
        ]

    def remove_workers(self) -> list[Grant]:
        """Find and stop workers of this deployment."""
        return [*self.stop_tasks(), self.terminate(self.purpose)]

    def stop_tasks(self) -> list[Grant]:
        """Find workers of this deployment, and stop those on Fargate."""
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
        ]

    def terminate(self, purpose: Purpose) -> Grant:
        """Terminate instances of workers of a purpose."""
        return Grant(
            actions=("ec2:TerminateInstances",),
            resources=(self.names.arn("ec2", "instance/*"),),
            conditions={
                "StringEquals": {f"aws:ResourceTag/{DEPLOYMENT_TAG}": self.names.deployment},
                "Null": {f"aws:ResourceTag/{purpose.tag}": "false"},
            },
            why_pattern="EC2 generates the ids of instances; limited to this deployment's tags.",
        )

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
        arn, roles = self.names.arn, self.roles
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

    def _task_definitions(self) -> str:
        return self.names.arn("ecs", f"task-definition/{self.names.named(self.purpose.family)}-*")

    def _tasks(self) -> str:
        return self.names.arn("ecs", f"task/{self.cluster_name}/*")

    def _in_cluster(self) -> dict[str, dict[str, str]]:
        return {"ArnEquals": {"ecs:cluster": self.names.arn("ecs", f"cluster/{self.cluster_name}")}}
