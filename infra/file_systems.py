"""Which file systems a role may use: each by its ARN, or, where they are many, all of the account and Region.

IAM gives a role 10,240 characters for all its inline policies, and ten managed policies of 6,144: an ARN
takes some 85, so that 1,000 file systems fit into no role. A tag is no way out: EFS documents no
`aws:ResourceTag` among the condition keys that it sends when a client mounts, and a condition on a key that
is not sent always refuses.
Source: IAM User Guide, "IAM and AWS STS quotas"; Amazon EFS User Guide, "Using IAM to control access to file
systems", EFS condition keys for clients.
"""

from __future__ import annotations

from collections.abc import Collection

from infra.grants import Grant
from infra.names import Names

MOST_NAMED = 40  # which fit next to the most vaults; tests/infra/test_limits.py measures the roles
WHY_PATTERN = (
    f"More than {MOST_NAMED} file systems do not fit into a role's policies one by one; "
    "only those of this account and Region."
)


def on_file_systems(names: Names, file_systems: Collection[str], *operations: str) -> list[Grant]:
    """Return the grant of EFS's operations on a deployment's file systems; none where there are none."""
    if not file_systems:
        return []
    actions = tuple(f"elasticfilesystem:{operation}" for operation in operations)
    if len(file_systems) > MOST_NAMED:
        return [Grant(actions=actions, resources=(names.file_system_arn("*"),), why_pattern=WHY_PATTERN)]
    return [Grant(actions=actions, resources=tuple(map(names.file_system_arn, file_systems)))]
