"""The permissions of each function of restores: a table at the end, built from the grants above it."""

from __future__ import annotations

import dataclasses

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from infra.file_systems import on_file_systems, on_new_file_systems, remove_temporary_file_systems
from infra.grants import NO_LEVEL, Grant, pass_role
from infra.names import Names
from infra.notifications import Notifications
from infra.records import Records
from infra.repository import Repository
from infra.worker_grants import WorkerGrants
from tidemark.aws.workers import DEPLOYMENT_TAG
from tidemark.sessions.schema import INDEXES, RESTORES, SESSIONS

_REQUESTED = f"aws:RequestTag/{DEPLOYMENT_TAG}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RestoreGrants:
    """Grants by purpose."""

    names: Names
    vaults: dict[str, str]  # Region -> name
    records: Records
    repository: Repository
    notifications: Notifications
    restore_role: iam.Role
    new_task_role: iam.Role  # of workers that mount a new file system
    read_policies: list[Grant]
    workers: WorkerGrants
    sites: list[Grant]  # to reach the other sites
    has_accounts: bool  # whether file systems of other accounts are restored
    selects: bool  # whether policies select file systems when they run

    def start_restore(self) -> list[Grant]:
        """Start a restore job of a recovery point."""
        return [
            Grant(
                actions=("backup:StartRestoreJob",),
                resources=(self.names.recovery_point_arns(self.names.region),),
                why_pattern="AWS Backup generates the ids of recovery points.",
            ),
            pass_role(self.restore_role, "backup.amazonaws.com"),
        ]

    def poll_restore_jobs(self) -> list[Grant]:
        """Poll a restore job."""
        return [Grant(actions=("backup:DescribeRestoreJob",), resources=("*",), why_pattern=NO_LEVEL)]

    def read_plans(self) -> list[Grant]:
        """Read restore plans."""
        return self.repository.read(self._restores(), "*/plans/*")

    def write_jobs(self) -> list[Grant]:
        """Write the completed jobs of a session, for its worker."""
        return self.repository.hand_over(self._restores(), "*/jobs.json")

    def _restores(self) -> str:
        return "restores/" if self.has_accounts else f"restores/{Aws.ACCOUNT_ID}/"

    def configure_file_systems(self) -> list[Grant]:
        """Apply the settings of the original to a new file system."""
        return [
            *self.mark_file_systems(),
            on_new_file_systems(
                self.names,
                "DescribeFileSystems",
                "PutLifecycleConfiguration",
                "UpdateFileSystem",
                "DescribeMountTargets",
                "CreateMountTarget",
            ),
            *self.create_mount_targets(),
        ]

    def mark_file_systems(self) -> list[Grant]:
        """Give a new file system the deployment's tag, and others once it has that."""
        requested = {"StringEquals": {_REQUESTED: self.names.deployment}}
        return [
            on_new_file_systems(self.names, "TagResource", conditions=requested),
            on_new_file_systems(self.names, "TagResource"),
        ]

    def create_mount_targets(self) -> list[Grant]:
        """Create the network interface of a mount target."""
        arn = self.names.arn
        return [
            # EFS calls EC2 on behalf of its caller. Source: EFS API Reference, CreateMountTarget.
            Grant(
                actions=("ec2:DescribeSubnets", "ec2:DescribeNetworkInterfaces"),
                resources=("*",),
                why_pattern=NO_LEVEL,
            ),
            Grant(
                actions=("ec2:CreateNetworkInterface",),
                resources=(
                    arn("ec2", "network-interface/*"),
                    arn("ec2", "subnet/*"),
                    arn("ec2", "security-group/*"),
                ),
                why_pattern="A plan names the subnets and security groups of the new mount targets.",
            ),
        ]

    def plan_drills(self) -> list[Grant]:
        """Choose a recovery point and files of it, and write the plan of a drill."""
        names = self.names
        return [
            *self.records.items(get=(SESSIONS, INDEXES)),
            *self.records.list_items(INDEXES),
            *self.repository.read(f"indexes/{Aws.ACCOUNT_ID}/"),
            *self.repository.hand_over(f"restores/{Aws.ACCOUNT_ID}/", "*/plans/drill-*"),
            Grant(
                actions=("backup:DescribeRecoveryPoint",),
                resources=(names.recovery_point_arns(names.region),),
                why_pattern="AWS Backup generates the ids of recovery points.",
            ),
            *on_file_systems(
                names,
                self.workers.file_systems,
                "DescribeFileSystems",
                "DescribeMountTargets",
                "DescribeMountTargetSecurityGroups",
            ),
            # EFS calls EC2 on behalf of its caller. Source: EFS API Reference,
            # DescribeMountTargetSecurityGroups.
            Grant(actions=("ec2:DescribeNetworkInterfaceAttribute",), resources=("*",), why_pattern=NO_LEVEL),
        ]

    def drills(self) -> dict[str, list[Grant]]:
        """Return the grants of the functions of drill-run that need no index, by the name of their file."""
        # Drills of policies that select file systems are of those of the last run.
        last_run = self.records.items(get=(INDEXES,)) if self.selects else []
        return {"resolve_drills": [*self.read_policies, *last_run]}

    def planning(self) -> dict[str, list[Grant]]:
        """Return the grants of the functions that read indexes, by the name of their file."""
        return {"plan_drill": [*self.read_policies, *self.plan_drills()]}

    def table(self) -> dict[str, list[Grant]]:
        """Return the grants of each function, by the name of its file."""
        items, worker = self.records.items, self.workers
        restore, turn = (RESTORES,), (INDEXES,)
        change = items(get=restore, update=restore)
        return {
            "open_restore": [
                *items(get=restore, put=restore),
                *self.read_plans(),
                *self.read_policies,
                *worker.find_network(),
                *self.sites,
            ],
            "take_restore_turn": items(get=(*restore, *turn), put=turn, update=restore),
            "start_restore_job": [
                *items(get=(*restore, *turn), put=turn, update=restore),
                *self.read_plans(),
                *self.start_restore(),
                *self.sites,
            ],
            "check_restore_job": [*change, *self.poll_restore_jobs(), *self.sites],
            "launch_restore_worker": [
                *items(get=(*restore, *turn), put=turn, update=restore),
                *self.write_jobs(),
                *self.read_policies,
                *worker.find_network(),
                *worker.register_task(),
                *worker.launch(),
                *worker.remove_workers(),
                pass_role(self.new_task_role, "ecs-tasks.amazonaws.com"),
                *self.sites,
            ],
            "configure_file_system": [
                *items(get=(*restore, *turn), put=turn, update=restore),
                *self.read_plans(),
                *self.configure_file_systems(),
            ],
            "finish_file_system": [
                *items(get=(*restore, *turn), put=turn, update=restore),
                *self.read_plans(),
                on_new_file_systems(self.names, "PutFileSystemPolicy"),
            ],
            "remove_file_system": [
                *items(get=(*restore, *turn), put=turn, update=restore),
                *remove_temporary_file_systems(self.names),
            ],
            "close_restore": [
                *items(get=(*restore, *turn), update=restore, delete=turn),
                *self.notifications.publish(),
                *worker.remove_workers(),
                *worker.find_task_definitions(),
                *worker.deregister_tasks(),
                *self.sites,
            ],
            "fail_restore": items(get=restore, update=restore),
        }
