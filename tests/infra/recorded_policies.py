"""Policies of a recorded deployment other than those of its roles: trust and resource policies."""

from __future__ import annotations

import json
from typing import Any

from localcloud import LocalCloud


def trust_of(cloud: LocalCloud) -> dict[str, Any]:
    """Return the trust policy of each role."""
    pages = cloud.client("iam").get_paginator("list_roles").paginate()
    return {role["Arn"]: role["AssumeRolePolicyDocument"] for page in pages for role in page["Roles"]}


def resource_policies(cloud: LocalCloud) -> dict[str, Any]:
    """Return the policies of keys, buckets, topics and queues."""
    kms, s3, sns, sqs = (cloud.client(service) for service in ("kms", "s3", "sns", "sqs"))
    found = {}
    for key in kms.list_keys()["Keys"]:
        found[key["KeyArn"]] = kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]
    for bucket in s3.list_buckets()["Buckets"]:
        if bucket["Name"].startswith("tidemark-"):
            found[f"arn:aws:s3:::{bucket['Name']}"] = s3.get_bucket_policy(Bucket=bucket["Name"])["Policy"]
    for topic in sns.list_topics()["Topics"]:
        attributes = sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]
        found[topic["TopicArn"]] = attributes["Policy"]
    for url in sqs.list_queues()["QueueUrls"]:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "Policy"])[
            "Attributes"
        ]
        found[attributes["QueueArn"]] = attributes["Policy"]
    return {arn: json.loads(policy) for arn, policy in found.items()}
