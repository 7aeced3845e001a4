"""The topic that notifies of sessions and alarms."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.grants import Grant
from infra.keys import key
from infra.names import Names
from infra.services import service


class Notifications(Construct):
    """An encrypted topic, with one email subscription if the configuration has an address.

    Its key also encrypts the dead-letter queue: both hold messages, never data of a file system.
    """

    def __init__(self, scope: Construct, identifier: str, *, names: Names, email: str | None) -> None:
        super().__init__(scope, identifier)
        self.key = key(
            self, "Key", description=f"Tidemark {names.deployment}: messages", removal=RemovalPolicy.DESTROY
        )
        self.topic = sns.Topic(
            self, "Topic", topic_name=names.named("results"), master_key=self.key, enforce_ssl=True
        )
        alarms = names.arn("cloudwatch", f"alarm:{names.named('*')}")
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[service("cloudwatch.amazonaws.com", {"ArnLike": {"aws:SourceArn": alarms}})],
                resources=[self.topic.topic_arn],
            )
        )
        # Without a condition: none is documented for the key policy, and the topic's policy has one.
        # Source: Amazon SNS Developer Guide, "Enable compatibility between event sources from AWS services
        # and encrypted topics".
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["kms:GenerateDataKey", "kms:Decrypt"],
                principals=[service("cloudwatch.amazonaws.com")],
                resources=["*"],
            )
        )
        if email:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))

    def publish(self) -> list[Grant]:
        """Return the grants to publish to the topic."""
        return [
            Grant(actions=("sns:Publish",), resources=(self.topic.topic_arn,)),
            Grant(actions=("kms:GenerateDataKey", "kms:Decrypt"), resources=(self.key.key_arn,)),
        ]
