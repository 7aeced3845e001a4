"""The names of workers' roles, by which policies of the deployment's account admit them."""

from __future__ import annotations

INDEXING_ROLES = ("task", "ec2")  # the names of workers' roles in a deployment begin so


def worker_role_arns(deployment: str, partition: str, account: str) -> list[str]:
    """Return the patterns of the ARNs of an account's indexing workers' roles; `account` may be `*`."""
    return [f"arn:{partition}:iam::{account}:role/{deployment}-{name}-*" for name in INDEXING_ROLES]
