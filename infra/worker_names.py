"""The names of workers' roles, by which policies of the deployment's account admit them."""

from __future__ import annotations

from collections.abc import Sequence

# The names of workers' roles in a deployment begin so.
INDEXING_ROLES = ("task", "ec2")
RESTORE_ROLES = ("restore-task", "restore-ec2")


def worker_role_arns(
    deployment: str, partition: str, account: str, roles: Sequence[str] = INDEXING_ROLES
) -> list[str]:
    """Return the patterns of the ARNs of an account's workers' roles; `account` may be `*`."""
    return [f"arn:{partition}:iam::{account}:role/{deployment}-{name}-*" for name in roles]
