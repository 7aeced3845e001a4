"""Forwards the events of stopped workers of another site to the event bus of the home site."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from constructs import Construct

from infra.grants import Grant, role
from infra.names import Names
from infra.services import service
from infra.worker_events import stopped_instances, stopped_tasks

DEFAULT_BUS = "event-bus/default"
SOURCES = ("aws.ecs", "aws.ec2")


class SiteEvents(Construct):
    """The rules of WorkerEvents, whose target is the bus of the home site; the rules there handle them."""

    def __init__(
        self, scope: Construct, identifier: str, *, names: Names, home: Names, cluster: ecs.CfnCluster
    ) -> None:
        """`home` are the names of the home site, `names` those of the site."""
        super().__init__(scope, identifier)
        bus = home.arn("events", DEFAULT_BUS)
        run_as = role(
            self,
            "Role",
            assumed_by=service("events.amazonaws.com"),
            description="Permissions of EventBridge: forward the events of stopped workers",
            grants=[Grant(actions=("events:PutEvents",), resources=(bus,))],
        )
        target = events.CfnRule.TargetProperty(id="home", arn=bus, role_arn=run_as.role_arn)
        for identifier, name, pattern in (
            ("Tasks", "worker-tasks", stopped_tasks([cluster.attr_arn])),
            ("Instances", "worker-instances", stopped_instances()),
        ):
            events.CfnRule(
                self,
                identifier,
                name=names.named(name),
                description="Workers that have stopped, for the home site of the deployment",
                event_pattern={
                    "source": pattern.source,
                    "detail-type": pattern.detail_type,
                    "detail": pattern.detail,
                },
                targets=[target],
            )


class SiteEventsAtHome(Construct):
    """The policy of the home site's event bus, which admits the events of other accounts."""

    def __init__(self, scope: Construct, identifier: str, *, names: Names, accounts: Sequence[str]) -> None:
        super().__init__(scope, identifier)
        for account in accounts:
            events.CfnEventBusPolicy(
                self,
                f"Of{account}",
                statement_id=names.named(f"workers-{account}"),
                statement={
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:{Aws.PARTITION}:iam::{account}:root"},
                    "Action": "events:PutEvents",
                    "Resource": names.arn("events", DEFAULT_BUS),
                    "Condition": {"StringEquals": {"events:source": list(SOURCES)}},
                },
            )
