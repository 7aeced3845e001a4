"""AWS services as principals, with only the conditions that AWS documents for them.

A service sends a condition key only where its documentation describes it. A condition on a key that is not
sent always refuses the service; every alarm email, for example, would be lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aws_cdk import aws_iam as iam

UNIVERSAL = re.compile(r"[a-z0-9-]+\.amazonaws\.com")
# (service principal, condition key) -> the page that documents that the service sends the key
DOCUMENTED = {
    ("scheduler.amazonaws.com", "aws:SourceAccount"): (
        'EventBridge Scheduler User Guide, "Confused deputy prevention in EventBridge Scheduler"'
    ),
    ("scheduler.amazonaws.com", "aws:SourceArn"): (
        'EventBridge Scheduler User Guide, "Confused deputy prevention in EventBridge Scheduler"'
    ),
    ("ecs-tasks.amazonaws.com", "aws:SourceAccount"): (
        'Amazon ECS Developer Guide, "Amazon ECS task IAM role"'
    ),
    ("ecs-tasks.amazonaws.com", "aws:SourceArn"): 'Amazon ECS Developer Guide, "Amazon ECS task IAM role"',
    ("cloudwatch.amazonaws.com", "aws:SourceArn"): (
        'Amazon SNS Developer Guide, "Example cases for Amazon SNS access control"'
    ),
}


def service(
    principal: str, conditions: Mapping[str, Mapping[str, str]] | None = None
) -> iam.ServicePrincipal:
    """Return a service as principal.

    Raises ValueError for a condition whose key is not documented for the service, and for a principal that is
    specific to a partition or Region: <service>.amazonaws.com is valid in all of them.
    Source: AWS CDK, region-info, Default.servicePrincipal, the note on its deprecation.
    """
    if not UNIVERSAL.fullmatch(principal):
        raise ValueError(f"{principal} is not valid in every partition; write <service>.amazonaws.com")
    for values in (conditions or {}).values():
        for key in values:
            if (principal, key) not in DOCUMENTED:
                raise ValueError(
                    f"{key} is not documented for {principal}; add its documentation to DOCUMENTED"
                )
    return iam.ServicePrincipal(principal, conditions=dict(conditions) if conditions else None)
