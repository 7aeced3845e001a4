"""Schedules of the policies, of the sweeper, of retention, and of measurements and reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.grants import Grant, role
from infra.nag import acknowledge
from infra.names import Names
from infra.notifications import Notifications
from infra.services import service
from tidemark.policy.cron_schedules import schedules_of
from tidemark.policy.policy import Policy, Schedule
from tidemark.sessions.sweep_schedule import SWEEP_INTERVAL

SWEEP_EVERY = Schedule(expression=f"rate({SWEEP_INTERVAL // timedelta(minutes=1)} minutes)")
PRUNE_EVERY = Schedule(expression="rate(1 day)")
MEASURE_EVERY = Schedule(expression="rate(1 hour)")
# A nightly backup must not start in the afternoon; after this time the dead-letter queue's alarm fires.
LATEST = Duration.hours(6)
RETRIES = 30


class Schedules(Construct):
    """Schedules in their own group; failed starts go to a dead-letter queue."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        names: Names,
        policies: tuple[Policy, ...],
        notifications: Notifications,
        policy_run_arn: str,
        sweep_arn: str,
        prune_run_arn: str,
        report_arn: str,
        daily_report: Schedule | None,
    ) -> None:
        super().__init__(scope, identifier)
        self._names = names
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=names.named("dead-letters"),
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=notifications.key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge(
            self.dead_letters, "AwsSolutions-SQS3", "This is the dead-letter queue; an alarm watches it."
        )
        # By name, because the stack of restores depends on this one.
        drill_run_arn = names.state_machine_arn("drill-run")
        has_drills = any(policy.drill.schedule for policy in policies)
        started = [policy_run_arn, prune_run_arn, *([drill_run_arn] if has_drills else [])]
        self._group = scheduler.CfnScheduleGroup(self, "Group", name=names.deployment)
        self._role = role(
            self,
            "Role",
            assumed_by=self._scheduler(),
            description="Permissions of EventBridge Scheduler: start policies, retention, reports",
            grants=[
                Grant(actions=("states:StartExecution",), resources=tuple(started)),
                Grant(actions=("lambda:InvokeFunction",), resources=(sweep_arn, report_arn)),
                Grant(actions=("sqs:SendMessage",), resources=(self.dead_letters.queue_arn,)),
                Grant(actions=("kms:GenerateDataKey", "kms:Decrypt"), resources=(notifications.key.key_arn,)),
            ],
        )
        for policy in policies:
            # The scheduled time, not the attempt's: a duplicate delivery starts no second session.
            run = {"policy": policy.name, "scheduled_time": "<aws.scheduler.scheduled-time>"}
            for number, each in enumerate(schedules_of(policy), 1):
                # No policy's name contains a dot.
                name = f"policy-{policy.name}" + (f".{number}" if number > 1 else "")
                message = {**run, "only_if_due": True} if each.only_if_due else run
                self._schedule(name, each.schedule, policy_run_arn, message)
            if policy.drill.schedule:
                self._schedule(f"drill-{policy.name}", policy.drill.schedule, drill_run_arn, run)
        self._schedule("sweep", SWEEP_EVERY, sweep_arn, {})
        self._schedule("prune", PRUNE_EVERY, prune_run_arn, {})
        self._schedule("measure", MEASURE_EVERY, report_arn, {})
        if daily_report is not None:
            self._schedule("report", daily_report, report_arn, {"report": True})

    def _schedule(self, name: str, when: Schedule, target_arn: str, message: Mapping[str, object]) -> None:
        schedule = scheduler.CfnSchedule(
            self,
            name,
            name=self._names.named(name),
            group_name=self._names.deployment,
            schedule_expression=when.expression,
            schedule_expression_timezone=when.time_zone,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=target_arn,
                role_arn=self._role.role_arn,
                input=json.dumps(message),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=self.dead_letters.queue_arn
                ),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=int(LATEST.to_seconds()), maximum_retry_attempts=RETRIES
                ),
            ),
        )
        schedule.add_resource_dependency(self._group)

    def _scheduler(self) -> iam.ServicePrincipal:
        group = self._names.arn("scheduler", f"schedule-group/{self._names.deployment}")
        return service(
            "scheduler.amazonaws.com",
            {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID, "aws:SourceArn": group}},
        )
