"""The repository of the indexes, the key of the tags, and the subscriptions to results."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from tidemark.answers.checks.keys import check_key
from tidemark.answers.checks.result import CheckResult, check
from tidemark.answers.checks.scope import Scope
from tidemark.aws.errors import code_of
from tidemark.aws.s3_url import place_of

_TOPIC = "NotificationsTopic"
_PENDING = "PendingConfirmation"


def storage_checks(scope: Scope) -> Iterator[CheckResult]:
    """Yield the results for what all policies of the deployment use."""
    resources, clients = scope.connection.resources, scope.clients
    bucket, prefix = place_of(resources.repository)
    s3 = clients.of("s3", scope.region)
    key = None
    with check("repository", resources.repository, "the bucket is reachable, and encrypted") as outcomes:
        try:
            s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
            rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
            key = rules[0]["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID") if rules else None
        except ClientError as error:
            if code_of(error) not in {"NoSuchBucket", "404"}:
                raise
            outcomes.fail(f"the bucket {bucket} does not exist", "deploy again: cdk deploy --all")
    yield from outcomes.results
    if key:
        yield from check_key(clients, key, scope.region, "repository-key", resources.repository)
    yield from check_key(clients, resources.tag_key, scope.region, "tag-key", "tags of recovery points")


def notification_checks(scope: Scope) -> Iterator[CheckResult]:
    """Yield whether subscriptions to results are confirmed."""
    with check(
        "notifications", "results of sessions", "no subscription waits for its confirmation"
    ) as outcomes:
        topic = (scope.resources_of("main") or {}).get(_TOPIC)
        if topic is None:
            outcomes.warn(
                "could not be checked: the topic is not known", "deploy all stacks: cdk deploy --all"
            )
        else:
            pages = scope.clients.of("sns", scope.region).get_paginator("list_subscriptions_by_topic")
            for page in pages.paginate(TopicArn=topic):
                for subscription in page["Subscriptions"]:
                    if subscription["SubscriptionArn"] == _PENDING:
                        protocol, endpoint = subscription["Protocol"], subscription["Endpoint"]
                        again = f"--topic-arn {topic} --protocol {protocol}"
                        outcomes.warn(
                            f"the subscription of {endpoint} is not confirmed, so it receives nothing",
                            f"open the link in AWS's message, or subscribe again: aws sns subscribe --region "
                            f"{scope.region} {again} --notification-endpoint {endpoint}",
                        )
    yield from outcomes.results
