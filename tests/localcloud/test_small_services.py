"""Quotas, subscriptions by e-mail, and policies of file systems."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud


def test_the_quotas_of_workers_are_those_of_a_new_account(cloud: LocalCloud) -> None:
    quotas = cloud.client("service-quotas")
    found = quotas.get_service_quota(ServiceCode="fargate", QuotaCode="L-3032A538")["Quota"]
    assert (found["Value"], found["Adjustable"]) == (6.0, True)
    with pytest.raises(ClientError) as caught:
        quotas.get_service_quota(ServiceCode="fargate", QuotaCode="L-00000000")
    assert caught.value.response["Error"]["Code"] == "NoSuchResourceException"


def test_a_subscription_by_email_waits_for_its_confirmation(cloud: LocalCloud) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="results")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="you@example.com")
    queue = "arn:aws:sqs:eu-central-1:123456789012:results"
    confirmed = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    found = {one["Endpoint"]: one["SubscriptionArn"] for one in listed}
    assert found == {"you@example.com": "PendingConfirmation", queue: confirmed}
    assert {one["TopicArn"] for one in listed} == {topic}


def test_the_policy_of_a_file_system_can_be_deleted(cloud: LocalCloud) -> None:
    efs = cloud.client("efs")
    made = efs.create_file_system(CreationToken="with-policy")["FileSystemId"]
    efs.put_file_system_policy(FileSystemId=made, Policy='{"Version": "2012-10-17", "Statement": []}')
    efs.delete_file_system_policy(FileSystemId=made)
    with pytest.raises(ClientError) as caught:
        efs.describe_file_system_policy(FileSystemId=made)
    assert caught.value.response["Error"]["Code"] == "PolicyNotFound"
    with pytest.raises(ClientError):
        efs.delete_file_system_policy(FileSystemId="fs-00000000000000000")
