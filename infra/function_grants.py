"""The permissions of each function: a table at the end, built from the grants above it.

A function that is missing in the table is not deployed; a test compares it with the files of `lambdas/`.
"""

from __future__ import annotations

import dataclasses

from aws_cdk import Aws
from aws_cdk import aws_kms as kms

from infra.backup_grants import BackupGrants
from infra.file_systems import remove_temporary_file_systems
from infra.grants import NO_LEVEL, Grant
from infra.notifications import Notifications
from infra.records import Records
from infra.repository import Repository
from infra.workers import Workers
from tidemark.aws.workers import PLACING
from tidemark.policy.policy import policy_parameter
from tidemark.policy.sites import Kind, Site, sites_parameter
from tidemark.sessions.schema import (
    BY_FILE_SYSTEM,
    BY_MONTH,
    INDEXES,
    LEASES,
    RESTORES,
    RESTORES_BY_MONTH,
    RESTORES_RUNNING,
    RUNNING,
    SESSIONS,
)

# A role's policies have room for the ARNs of a few accounts; each account's own trust policy decides, too.
MOST_ACCOUNTS_NAMED = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FunctionGrants(BackupGrants):
    """Grants by purpose."""

    records: Records
    repository: Repository
    tag_key: kms.Key
    notifications: Notifications
    workers: Workers
    sites: tuple[Site, ...] = ()  # other than the home site
    selects: bool = False  # whether policies select file systems when they run

    def reach_sites(self, kind: Kind = "functions") -> list[Grant]:
        """Find the other sites, and assume their roles of a kind; empty if there are none."""
        if not self.sites:
            return []
        role = f"role/{self.names.named(kind)}-*"
        accounts = list(
            dict.fromkeys(site.account if site.is_foreign else Aws.ACCOUNT_ID for site in self.sites)
        )
        if len(accounts) > MOST_ACCOUNTS_NAMED:
            accounts = ["*"]
        return [
            Grant(
                actions=("ssm:GetParameter",),
                resources=(self.names.arn("ssm", f"parameter{sites_parameter(self.names.deployment)}"),),
            ),
            Grant(
                actions=("sts:AssumeRole",),
                resources=tuple(f"arn:{Aws.PARTITION}:iam::{account}:{role}" for account in accounts),
                why_pattern="An account has a role in each of its Regions; limited to this deployment's.",
            ),
        ]

    def _machines(self, workflow: str) -> list[str]:
        """Return the names of a workflow's state machines, with a pattern of those of other accounts."""
        has_others = any(site.is_foreign for site in self.sites)
        return [workflow, f"{workflow}-*"] if has_others else [workflow]

    def _indexes(self) -> str:
        """Return the prefix of the deployment's indexes."""
        has_others = any(site.is_foreign for site in self.sites)
        return "indexes/" if has_others else f"indexes/{Aws.ACCOUNT_ID}/"

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
        return self.repository.publish(self._indexes())

    def remove_leftovers(self) -> list[Grant]:
        """Remove files that lost workers left next to the latest indexes."""
        return self.repository.clean(self._indexes())

    def remove_indexes(self) -> list[Grant]:
        """Remove indexes, also those of restored points."""
        return [
            *self.repository.remove(self._indexes()),
            self.repository.remove_exact("restores/"),
            self.repository.find("restores/"),
        ]

    def read_damage(self) -> list[Grant]:
        """Read what indexes record about damage."""
        return self.repository.read_damage(self._indexes())

    def tag_points(self) -> list[Grant]:
        """Read and write the tags of recovery points, to record their index."""
        return [
            *self.repository.read("tag-keys/"),
            Grant(actions=("kms:Decrypt",), resources=(self.tag_key.key_arn,)),
            *self.change_tags(),
        ]

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
                    *map(self.names.execution_arns, self._machines("indexing-session")),
                    *map(self.names.execution_arns, self._machines("restore-session")),
                    self.names.execution_arns("backup-session"),
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
                    map(
                        self.names.state_machine_arn,
                        (
                            *self._machines("indexing-session"),
                            *self._machines("restore-session"),
                            "restore-test",
                        ),
                    )
                ),
                why_pattern="Each other account has a state machine; limited to this deployment's.",
            ),
            Grant(actions=("ec2:DescribeInstances",), resources=("*",), why_pattern=NO_LEVEL),
        ]

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
        sites = self.reach_sites()
        return {
            # policy-run
            "resolve_policy": [
                *policies,
                *(
                    [
                        *items(get=index, put=index),
                        *self.list_file_systems(),
                        *self.notifications.publish(),
                        *sites,
                    ]
                    if self.selects
                    else []
                ),
            ],
            "fail_policy_run": [*items(get=session), *policies, *self.notifications.publish()],
            # backup-session
            "open_session": [
                *items(get=both, put=session, update=index),
                *policies,
                *self.describe_vaults(),
                *self.check_file_systems(),
                *sites,
            ],
            "start_backup": [
                *read_or_change,
                *self.records.search(BY_MONTH),
                *policies,
                *self.seal_tags(),
                *self.start_backup(),
                *sites,
            ],
            "check_backup": [
                *settle,
                *sites,
                *self.poll_backup_jobs(),
                *self.list_jobs(),
                *self.describe_points(),
            ],
            "start_copy": [*items(get=both, update=session), *policies, *self.start_copy(), *sites],
            "check_copy": [*settle, *self.poll_copy_jobs(), *self.describe_points(), *sites],
            "claim_index": [*share, *self.tag_points(), *sites],
            "await_index": [*items(get=both, update=session), *self.answer_sessions()],
            "close_session": [*settle, *policies, *self.notifications.publish(), *sites],
            "fail_session": items(get=both, update=both),
            # prune-run
            "resolve_prune": [*policies, self.repository.find("indexes/"), self.repository.find("restores/")],
            "prune_file_system": [
                *items(get=(*both, *restore), update=index, delete=index),
                *self.records.list_items(INDEXES),
                *self.records.search(RESTORES_RUNNING),
                *self.remove_indexes(),
                *self.find_points(),
                *self.describe_points(),
                *sites,
            ],
            # indexing-session
            "prepare_worker": [*hold, *policies, *worker.find_network(), *worker.register_task(), *sites],
            "launch_worker": [*hold, *worker.launch(), *worker.remove_workers(), *sites],
            "complete_index": [*end, *self.publish_indexes(), *self.answer_sessions(), *sites],
            "raise_damage_alarm": [
                *items(get=both, put=index),
                *self.records.list_items(*index),
                *policies,
                *self.read_damage(),
                *self.describe_points(),
                *self.hold_points(),
                *self.notifications.publish(),
                *sites,
            ],
            "fail_index": [*end, *self.answer_sessions(), *sites],
            "remove_worker": [
                *items(get=index),
                *worker.remove_workers(),
                *worker.deregister_tasks(),
                *self.remove_leftovers(),
                *sites,
            ],
            "worker_stopped": [*items(get=(*index, *restore)), *self.fail_workers(), *sites],  # on a schedule
            "report_protection": [
                *policies,
                *items(get=index if self.selects else ()),
                *self.records.search(BY_FILE_SYSTEM, BY_MONTH, RESTORES_BY_MONTH),
                *self.notifications.publish(),
            ],
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
                *sites,
            ],
        }
