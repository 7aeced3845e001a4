"""Restore testing plans of AWS Backup, and the rule that starts the verification of what they restore."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.grants import Grant, role
from infra.names import Names
from infra.services import service
from tidemark.policy.restore_testing import RestoreTesting, plan_name, plan_prefix

EFS = "EFS"


class RestoreTestingPlans(Construct):
    """A plan for each policy that has restore testing, and a rule for the ended jobs of all plans."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        names: Names,
        plans: Sequence[RestoreTesting],
        vault: str,
        restore_role: iam.Role,
        restore_test: sfn.StateMachine,
    ) -> None:
        super().__init__(scope, identifier)
        for testing in plans:
            self._plan(names, testing, vault, restore_role)
        self._rule(names, restore_test)

    def _plan(self, names: Names, testing: RestoreTesting, vault: str, restore_role: iam.Role) -> None:
        name = plan_name(names.deployment, testing.policy)
        plan = backup.CfnRestoreTestingPlan(
            self,
            f"Plan-{testing.policy}",
            restore_testing_plan_name=name,
            schedule_expression=testing.schedule.expression,
            schedule_expression_timezone=testing.schedule.time_zone,
            recovery_point_selection=backup.CfnRestoreTestingPlan.RestoreTestingRecoveryPointSelectionProperty(
                algorithm="LATEST_WITHIN_WINDOW",
                include_vaults=[names.vault_arn(names.region, vault)],
                recovery_point_types=["SNAPSHOT"],  # EFS has no continuous backups
                selection_window_days=testing.window_days,
            ),
        )
        for number, file_systems in enumerate(testing.selections()):
            selection = backup.CfnRestoreTestingSelection(
                self,
                f"Selection-{testing.policy}-{number}",
                iam_role_arn=restore_role.role_arn,
                protected_resource_type=EFS,
                protected_resource_arns=[names.file_system_arn(one) for one in file_systems],
                restore_testing_plan_name=name,
                restore_testing_selection_name=f"file_systems_{number}",
                validation_window_hours=testing.validation_hours,
            )
            selection.add_resource_dependency(plan)

    def _rule(self, names: Names, restore_test: sfn.StateMachine) -> None:
        """Start restore-test with the event of each ended job of the deployment's plans.

        One rule for all plans, by the beginning of their names: a pattern may have 2,048 characters.
        Source: EventBridge User Guide, "Amazon EventBridge quotas".
        """
        start = role(
            self,
            "StartRole",
            assumed_by=service("events.amazonaws.com"),
            description="Permissions of EventBridge: start the verification of restore tests",
            grants=[Grant(actions=("states:StartExecution",), resources=(restore_test.state_machine_arn,))],
        )
        plans = names.arn("backup", f"restore-testing-plan:{plan_prefix(names.deployment)}")
        events.CfnRule(
            self,
            "Rule",
            name=names.named("restore-tests"),
            description="Restore jobs of restore testing that have ended",
            event_pattern={
                "source": ["aws.backup"],
                "detail-type": ["Restore Job State Change"],
                "detail": {
                    # A failed job is recorded and reported, too.
                    "status": ["COMPLETED", "FAILED", "ABORTED"],
                    "restoreTestingPlanArn": [{"prefix": plans}],
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    arn=restore_test.state_machine_arn, id="restore-test", role_arn=start.role_arn
                )
            ],
        )
