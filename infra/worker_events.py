"""The events of ECS and EC2 that a worker has stopped, and the function that gives its session the reason."""

from __future__ import annotations

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
    ) -> None:
        super().__init__(scope, identifier)
        target = targets.LambdaFunction(worker_stopped)
        events.Rule(
            self,
            "Tasks",
            rule_name=names.named("worker-tasks"),
            description="Fargate workers that have stopped",
            event_pattern=events.EventPattern(
                source=["aws.ecs"],
                detail_type=["ECS Task State Change"],
                detail={"clusterArn": [cluster.attr_arn], "lastStatus": ["STOPPED"]},
            ),
            targets=[target],
        )
        events.Rule(
            self,
            "Instances",
            rule_name=names.named("worker-instances"),
            # These events carry no tags: the function looks at the instance's own.
            description="EC2 instances that stop or have stopped; those that are no workers are ignored",
            event_pattern=events.EventPattern(
                source=["aws.ec2"],
                detail_type=["EC2 Instance State-change Notification"],
                # At the first, the instance still has its tags; a failed launch may have the last alone.
                detail={"state": ["shutting-down", "stopping", "terminated"]},
            ),
            targets=[target],
        )
