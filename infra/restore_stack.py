"""The stack of restores: a state machine, its functions and the roles of workers that may write.

Separate from the main stack, because a stack may have 500 resources, and because a deployment without it
has no role that can change a file system.
"""

from __future__ import annotations

import dataclasses

from aws_cdk import Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.backup_role import RESTORE_ROLE, restore_role
from infra.bundle import Bundle
from infra.functions import PLANNING_MEMORY_MIB, PLANNING_TIMEOUT, Functions
from infra.monitoring import PERIOD, add_alarm
from infra.names import Names
from infra.restore_grants import RestoreGrants
from infra.restore_test_grants import RestoreTestGrants
from infra.restore_testing import RestoreTestingPlans
from infra.stack import RETENTION, TidemarkStack
from infra.worker_grants import WorkerGrants
from infra.worker_roles import WorkerRoles, file_systems_by_worker, placing, placing_in_new, verifying
from infra.workflows import DRILL_WORKFLOWS, RESTORE_TEST_WORKFLOWS, RESTORE_WORKFLOWS, Workflows
from tidemark.aws.workers import PLACING
from tidemark.policy.configuration import Configuration
from tidemark.sessions.metrics import DEPLOYMENT, NAMESPACE, restore_tests_ended
from tidemark.sessions.session import SessionStatus


class RestoreStack(Stack):
    """Restores of the main stack's recovery points."""

    def __init__(
        self,
        scope: Construct,
        *,
        configuration: Configuration,
        main: TidemarkStack,
        lambda_asset: Bundle,
        planning_asset: Bundle | None,
    ) -> None:
        """Create the stack; `planning_asset` only if a policy has drills on a schedule."""
        super().__init__(
            scope,
            f"Tidemark-{configuration.deployment}-restore",
            env=Environment(account=configuration.account, region=configuration.region),
            description=f"Tidemark {configuration.deployment}: restores",
            suppress_template_indentation=True,
        )
        names = Names(deployment=configuration.deployment, region=configuration.region)
        retention = RETENTION[configuration.log_days]
        roles = WorkerRoles(
            self,
            "Roles",
            names=names,
            file_systems=file_systems_by_worker(configuration.policies, all_policies=True),
            task=names.named("restore-task"),
            instance=names.named("restore-ec2"),
            description="write its file system, place restored files",
            work=placing(names, main.repository),
            start=main.workers.start(),
        )
        grants = RestoreGrants(
            names=names,
            vaults=configuration.home_vaults,
            records=main.records,
            repository=main.repository,
            notifications=main.notifications,
            restore_role=restore_role(self, "RestoreRole", name=names.named(RESTORE_ROLE)),
            new_task_role=placing_in_new(self, names, main.repository),
            read_policies=main.grants.read_policies(),
            sites=main.grants.reach_sites("restores"),
            has_accounts=bool(configuration.accounts),
            selects=main.grants.selects,
            workers=WorkerGrants(
                names=names,
                file_systems=main.file_systems,
                purpose=PLACING,
                roles=roles,
                execution_role=main.workers.execution_role,
                cluster_name=main.workers.cluster_name,
            ),
        )
        # All file systems share one role if there are too many; CloudFormation gives it its name.
        settings = dataclasses.replace(
            main.settings,
            restore_task_role=roles.task_role_arn,
            restore_instance_profile=roles.instance_profile_arn,
        )
        has_drills, has_tests = planning_asset is not None, bool(configuration.restore_testing)
        tests = RestoreTestGrants(
            names=names,
            records=main.records,
            notifications=main.notifications,
            read_policies=main.grants.read_policies(),
            restores=grants,
            workers=grants.workers,
        )
        functions = Functions(
            self,
            "Functions",
            names=names,
            asset=lambda_asset,
            settings=settings,
            grants={
                **grants.table(),
                **(grants.drills() if has_drills else {}),
                **(tests.table(verifying(self, names, main.repository)) if has_tests else {}),
            },
            log_retention=retention,
        ).by_file
        if planning_asset is not None:
            functions |= Functions(
                self,
                "Planning",
                names=names,
                asset=planning_asset,
                settings=settings,
                grants=grants.planning(),
                log_retention=retention,
                memory_mib=PLANNING_MEMORY_MIB,
                timeout=PLANNING_TIMEOUT,
            ).by_file
        workflows = Workflows(
            self,
            "Workflows",
            names=names,
            workflows=(
                *(DRILL_WORKFLOWS if has_drills else RESTORE_WORKFLOWS),
                *(RESTORE_TEST_WORKFLOWS if has_tests else ()),
            ),
            functions=functions,
            log_retention=retention,
        )
        if has_tests:
            RestoreTestingPlans(
                self,
                "RestoreTesting",
                names=names,
                plans=configuration.restore_testing,
                vault=configuration.vaults[configuration.region],
                restore_role=grants.restore_role,
                restore_test=workflows.by_name["restore-test"],
            )
            add_alarm(
                self,
                "failed-restore-test",
                cloudwatch.Metric(
                    namespace=NAMESPACE,
                    metric_name=restore_tests_ended(SessionStatus.FAILED),
                    dimensions_map={DEPLOYMENT: names.deployment},
                    period=PERIOD,
                    statistic="Sum",
                ),
                "A restore test failed: a backup does not restore as its index shows, or could not be "
                "verified. See: tidemark restores",
                names=names,
                notifications=main.notifications,
            )
        if has_drills:
            add_alarm(
                self,
                "failed-drill",
                workflows.by_name["drill-run"].metric_failed(period=PERIOD, statistic="Sum"),
                "A drill of a schedule failed: a backup may not restore as its index shows. See: tidemark "
                "restores",
                names=names,
                notifications=main.notifications,
            )
