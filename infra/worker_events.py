"""Rules for ECS and EC2 events of stopped workers; their target fails the session with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.names import Names


class WorkerEvents(Construct):
    """Two rules with one target."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        names: Names,
        cluster: ecs.CfnCluster,
        worker_stopped: lambda_.Function,
        other_clusters: Sequence[str] = (),
    ) -> None:
        """`other_clusters` are the ARNs of those in other sites, which forward their events here."""
        super().__init__(scope, identifier)
        target = targets.LambdaFunction(worker_stopped)
        events.Rule(
            self,
            "Tasks",
            rule_name=names.named("worker-tasks"),
            description="Fargate workers that have stopped",
            event_pattern=stopped_tasks([cluster.attr_arn, *other_clusters]),
            targets=[target],
        )
        events.Rule(
            self,
            "Instances",
            rule_name=names.named("worker-instances"),
            # These events carry no tags: the function looks at the instance's own.
            description="EC2 instances that stop or have stopped; instances that are not workers are ignored",
            event_pattern=stopped_instances(),
            targets=[target],
        )


def stopped_tasks(clusters: Sequence[str]) -> events.EventPattern:
    """Return the pattern of events of stopped tasks in clusters with these ARNs."""
    return events.EventPattern(
        source=["aws.ecs"],
        detail_type=["ECS Task State Change"],
        detail={"clusterArn": list(clusters), "lastStatus": ["STOPPED"]},
    )


def stopped_instances() -> events.EventPattern:
    """Return the pattern of events of instances that stop, of any purpose."""
    return events.EventPattern(
        source=["aws.ec2"],
        detail_type=["EC2 Instance State-change Notification"],
        # During the first state the instance still has its tags; a failed launch may send only the last.
        detail={"state": ["shutting-down", "stopping", "terminated"]},
    )
