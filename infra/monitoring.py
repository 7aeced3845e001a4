"""Alarms with notifications, and a dashboard."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.names import Names
from infra.notifications import Notifications
from tidemark.sessions.metrics import (
    DAMAGE_ALARMS,
    DEPLOYMENT,
    DRILLED_FILES,
    DRILLS_FAILED,
    DRILLS_SUCCEEDED,
    ENDS,
    EXPIRED_LEASES,
    NAMESPACE,
    SESSION_DURATION,
    sessions_ended,
)

PERIOD = Duration.minutes(5)


def add_alarm(
    scope: Construct,
    name: str,
    metric: cloudwatch.IMetric,
    description: str,
    *,
    names: Names,
    notifications: Notifications,
) -> None:
    """Create an alarm that notifies in every period in which a metric is at least 1."""
    alarm = cloudwatch.Alarm(
        scope,
        name,
        alarm_name=names.named(name),
        alarm_description=description,
        metric=metric,
        threshold=1,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    alarm.add_alarm_action(actions.SnsAction(notifications.topic))


class Monitoring(Construct):
    """Four alarms and one dashboard."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        names: Names,
        notifications: Notifications,
        machines: Mapping[str, sfn.StateMachine],
        functions: Mapping[str, lambda_.Function],
        dead_letters: sqs.Queue,
    ) -> None:
        super().__init__(scope, identifier)
        self._names = names
        alarm = functools.partial(add_alarm, self, names=names, notifications=notifications)
        failed = machines["backup-session"].metric_failed(period=PERIOD, statistic="Sum")
        expired = self._ours(EXPIRED_LEASES, "Sum", PERIOD)
        waiting = dead_letters.metric_approximate_number_of_messages_visible(
            period=PERIOD, statistic="Maximum"
        )
        alarm(
            "failed-session",
            failed,
            "A backup session failed: a file system has no new recovery point. See: tidemark sessions",
        )
        alarm(
            "expired-lease",
            expired,
            "An indexing session stopped responding and its lease expired. The next session indexes again; "
            "look for the cause in the worker's log.",
        )
        alarm(
            "dead-letters",
            waiting,
            "A schedule could not start its target. The queue's messages name it; run the policy with: "
            "tidemark run",
        )
        alarm(
            "damage",
            self._ours(DAMAGE_ALARMS, "Sum", PERIOD),
            "The changes of a file system look like damage. See: tidemark protection",
        )
        self._dashboard(machines, functions, expired, waiting)

    def _ours(self, name: str, statistic: str, period: Duration) -> cloudwatch.Metric:
        """Return a metric that the deployment's functions publish."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={DEPLOYMENT: self._names.deployment},
            period=period,
            statistic=statistic,
        )

    def _dashboard(
        self,
        machines: Mapping[str, sfn.StateMachine],
        functions: Mapping[str, lambda_.Function],
        *health: cloudwatch.IMetric,
    ) -> None:
        hour = Duration.hours(1)
        executions = [
            cloudwatch.GraphWidget(
                title=name,
                left=[
                    machine.metric_started(period=hour, statistic="Sum"),
                    machine.metric_succeeded(period=hour, statistic="Sum"),
                    machine.metric_failed(period=hour, statistic="Sum"),
                ],
                right=[machine.metric_time(period=hour)],
                width=8,
            )
            for name, machine in machines.items()
        ]
        sessions = cloudwatch.GraphWidget(
            title="Sessions by final status",
            left=[self._ours(sessions_ended(status), "Sum", hour) for status in ENDS],
            right=[self._ours(SESSION_DURATION, "Maximum", hour)],
            stacked=True,
            width=24,
        )
        errors = cloudwatch.GraphWidget(
            title="Errors of functions",
            left=[function.metric_errors(period=hour) for function in functions.values()],
            width=16,
        )
        drills = cloudwatch.GraphWidget(
            title="Drills",
            left=[self._ours(name, "Sum", hour) for name in (DRILLS_SUCCEEDED, DRILLS_FAILED)],
            right=[self._ours(DRILLED_FILES, "Sum", hour)],
            width=16,
        )
        damage = cloudwatch.GraphWidget(
            title="Indexes with suspicious changes",
            left=[self._ours(DAMAGE_ALARMS, "Sum", hour)],
            width=8,
        )
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self._names.deployment,
            widgets=[
                [sessions],
                executions,
                [
                    errors,
                    cloudwatch.GraphWidget(
                        title="Expired leases and dead letters", left=list(health), width=8
                    ),
                ],
                [drills, damage],
            ],
        )
