"""Who may act as a role."""

from __future__ import annotations

import json

from moto.iam.models import iam_backends


def assumable(role_arn: str, service: str) -> bool:
    """Return whether the role exists and trusts the service, such as ecs-tasks.amazonaws.com."""
    for role in iam_backends[role_arn.split(":")[4]][role_arn.split(":")[1]].roles.values():
        if role.arn == role_arn:
            policy = role.assume_role_policy_document
            return service in (policy if isinstance(policy, str) else json.dumps(policy))
    return False


def role_of_instance_profile(account_id: str, profile_arn: str) -> str | None:
    """Return the ARN of the role in an instance profile."""
    for profile in iam_backends[account_id][profile_arn.split(":")[1]].instance_profiles.values():
        if profile.arn == profile_arn and profile.roles:
            return str(profile.roles[0].arn)
    return None
