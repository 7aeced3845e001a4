"""The permissions of each function of restore tests."""

from __future__ import annotations

import dataclasses

from aws_cdk import aws_iam as iam

from infra.file_systems import on_new_file_systems, remove_temporary_mount_targets
from infra.grants import NO_LEVEL, Grant
from infra.names import Names
from infra.notifications import Notifications
from infra.records import Records
from infra.restore_grants import RestoreGrants
from infra.worker_grants import WorkerGrants
from tidemark.sessions.schema import INDEXES, RESTORES


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTestGrants:
    """Grants by purpose."""

    names: Names
    records: Records
    notifications: Notifications
    read_policies: list[Grant]
    restores: RestoreGrants
    workers: WorkerGrants

    def describe(self) -> list[Grant]:
        """Describe a restore job and its recovery point."""
        return [
            *self.restores.poll_restore_jobs(),
            Grant(
                actions=("backup:DescribeRecoveryPoint",),
                resources=(self.names.recovery_point_arns(self.names.region),),
                why_pattern="AWS Backup generates the ids of recovery points.",
            ),
        ]

    def answer(self) -> list[Grant]:
        """Report the verdict on a restore job."""
        return [
            Grant(actions=("backup:PutRestoreValidationResult",), resources=("*",), why_pattern=NO_LEVEL),
            *self.restores.poll_restore_jobs(),
        ]

    def table(self, verification_role: iam.Role) -> dict[str, list[Grant]]:
        """Return the grants of each function, by the name of its file; workers have the role."""
        items, worker = self.records.items, self.workers
        restore, index = (RESTORES,), (INDEXES,)
        change = items(get=restore, update=restore)
        return {
            "open_restore_test": [*items(get=(*restore, *index), put=restore), *self.describe()],
            "configure_restore_test": [
                *change,
                *self.read_policies,
                *worker.find_network(),
                *self.restores.mark_file_systems(),
                on_new_file_systems(self.names, "DescribeMountTargets", "CreateMountTarget"),
                *self.restores.create_mount_targets(),
            ],
            "launch_verification_worker": [
                *change,
                *self.read_policies,
                *worker.find_planned_network(),
                *worker.run_tasks_as(verification_role),
                *worker.stop_tasks(),
            ],
            "remove_test_mount_targets": [
                *change,
                *worker.stop_tasks(),
                *remove_temporary_mount_targets(self.names),
            ],
            "close_restore_test": [
                *items(get=(*restore, *index), update=restore),
                *self.answer(),
                *self.notifications.publish(),
                *worker.find_task_definitions(),
                *worker.deregister_tasks(),
            ],
            "fail_restore_test": change,
        }
