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
    INDEX_LAG,
    INDEXED_ENTRIES,
    INDEXING_SPEED,
    NAMESPACE,
    OLDEST_BACKUP_AGE,
    SESSION_DURATION,
    UNPROTECTED,
    restore_tests_ended,
    sessions_ended,
)

PERIOD = Duration.minutes(5)
HOUR = Duration.hours(1)
_TABLE = (
    "filter message = 'protection'",
    (
        "stats latest(age_hours) as hours, latest(newest_backup) as newest, "
        "latest(unprotected) as why_unprotected, latest(policies) as policy by file_system"
    ),
    "sort hours desc",
    "limit 100",
)
MEASURED_EVERY = Duration.hours(1)  # see MEASURE_EVERY in schedules.py


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
    """Alarms and one dashboard."""

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
        # policy-run fails after the last retry; a failed session may be retried, or was started by a user.
        failed = machines["policy-run"].metric_failed(period=PERIOD, statistic="Sum")
        expired = self._ours(EXPIRED_LEASES, "Sum", PERIOD)
        waiting = dead_letters.metric_approximate_number_of_messages_visible(
            period=PERIOD, statistic="Maximum"
        )
        alarm(
            "failed-session",
            failed,
            "Sessions of a policy failed, also after its retries: file systems have no new recovery point. "
            "See: tidemark policy list",
        )
        alarm(
            "unprotected",
            self._ours(UNPROTECTED, "Maximum", MEASURED_EVERY),
            "A file system has no backup, or its policy has had two runs since the newest one. See: tidemark "
            "protection",
        )
        alarm(
            "expired-lease",
            expired,
            "An indexing session stopped responding and its lease expired. The next session indexes again; "
            "look for the cause in the worker's log.",
        )
        alarm(
            "failed-prune",
            machines["prune-run"].metric_failed(period=PERIOD, statistic="Sum"),
            "Retention could not remove the indexes of a file system. The execution's cause names it; run "
            "again with: tidemark prune",
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
        executions = [
            cloudwatch.GraphWidget(
                title=name,
                left=[
                    machine.metric_started(period=HOUR, statistic="Sum"),
                    machine.metric_succeeded(period=HOUR, statistic="Sum"),
                    machine.metric_failed(period=HOUR, statistic="Sum"),
                ],
                right=[machine.metric_time(period=HOUR)],
                width=8,
            )
            for name, machine in machines.items()
        ]
        sessions = cloudwatch.GraphWidget(
            title="Sessions by final status",
            left=[self._ours(sessions_ended(status), "Sum", HOUR) for status in ENDS],
            right=[self._ours(SESSION_DURATION, "Maximum", HOUR)],
            stacked=True,
            width=24,
        )
        errors = cloudwatch.GraphWidget(
            title="Errors of functions",
            left=[function.metric_errors(period=HOUR) for function in functions.values()],
            width=16,
        )
        leases = cloudwatch.GraphWidget(title="Expired leases and dead letters", left=list(health), width=8)
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self._names.deployment,
            widgets=[
                self._protection(functions["report_protection"]),
                [sessions],
                self._indexing(),
                executions,
                [errors, leases],
                self._restores(),
            ],
        )

    def _protection(self, measured_by: lambda_.Function) -> list[cloudwatch.IWidget]:
        """Return what an administrator looks at first: which file systems are unprotected, since when.

        The table reads the log of the function that measures, because a metric for each file system would
        cost more than the function.
        """
        now = [self._ours(UNPROTECTED, "Maximum", MEASURED_EVERY)]
        oldest = [self._ours(OLDEST_BACKUP_AGE, "Maximum", MEASURED_EVERY)]
        return [
            cloudwatch.SingleValueWidget(title="Unprotected file systems", metrics=now, width=6, height=6),
            cloudwatch.GraphWidget(
                title="Age of the oldest newest backup (seconds)", left=oldest, width=6, height=6
            ),
            cloudwatch.LogQueryWidget(
                title="File systems by the age of their newest backup",
                log_group_names=[measured_by.log_group.log_group_name],
                view=cloudwatch.LogQueryVisualizationType.TABLE,
                query_lines=list(_TABLE),
                width=12,
                height=6,
            ),
        ]

    def _indexing(self) -> list[cloudwatch.IWidget]:
        return [
            cloudwatch.GraphWidget(
                title="Indexed entries, and entries a second",
                left=[self._ours(INDEXED_ENTRIES, "Sum", HOUR)],
                right=[self._ours(INDEXING_SPEED, "Average", HOUR)],
                width=12,
            ),
            cloudwatch.GraphWidget(
                title="Time from a backup to its index (seconds)",
                left=[self._ours(INDEX_LAG, statistic, HOUR) for statistic in ("Average", "Maximum")],
                width=12,
            ),
        ]

    def _restores(self) -> list[cloudwatch.IWidget]:
        return [
            cloudwatch.GraphWidget(
                title="Drills",
                left=[self._ours(name, "Sum", HOUR) for name in (DRILLS_SUCCEEDED, DRILLS_FAILED)],
                right=[self._ours(DRILLED_FILES, "Sum", HOUR)],
                width=8,
            ),
            cloudwatch.GraphWidget(
                title="Restore tests",
                left=[self._ours(restore_tests_ended(status), "Sum", HOUR) for status in ENDS],
                width=8,
            ),
            cloudwatch.GraphWidget(
                title="Indexes with suspicious changes",
                left=[self._ours(DAMAGE_ALARMS, "Sum", HOUR)],
                width=8,
            ),
        ]
