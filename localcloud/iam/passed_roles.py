"""Roles that a call passes to a service indirectly, in a task definition or instance profile.

IAM requires iam:PassRole for them too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.core.partitions import global_arn
from localcloud.iam.actions import parameters_of
from localcloud.iam.required_permissions import Check, passing
from localcloud.iam.roles import role_of_instance_profile


def passed_by(service: str, operation: str, text: str, account: str, region: str) -> Iterator[Check]:
    """Return the iam:PassRole checks for the roles behind a call; none if it passes no roles.

    Source: Amazon ECS Developer Guide, "Amazon ECS EventBridge IAM Role" (the caller of RunTask passes task
    role and execution role); Amazon EC2 User Guide, "IAM roles for Amazon EC2" (the caller of RunInstances
    passes the role of the instance profile).
    """
    match service, operation:
        case "ecs", "RunTask" | "StartTask":
            for role in _of_task(parameters_of(text), account, region):
                yield passing(role, "ecs-tasks.amazonaws.com")
        case "ec2", "RunInstances":
            params = parameters_of(text)
            profile = f"instance-profile/{params.get('IamInstanceProfile.Name')}"
            name = global_arn("iam", region, account, profile)
            named = role_of_instance_profile(str(params.get("IamInstanceProfile.Arn", name)))
            if named:
                yield passing(named, "ec2.amazonaws.com")
        case _:
            pass


def _of_task(params: Mapping[str, Any], account: str, region: str) -> Iterator[str]:
    """Return the roles of a task: those of its overrides, else those of its task definition."""
    from moto.core.exceptions import ServiceException
    from moto.ecs.models import ecs_backends

    try:
        definition = ecs_backends[account][region].describe_task_definition(str(params.get("taskDefinition")))
    except (ServiceException, ValueError):
        return  # the call itself fails
    overrides = params.get("overrides")
    for override, attribute in (("taskRoleArn", "task_role_arn"), ("executionRoleArn", "execution_role_arn")):
        overridden = overrides.get(override) if isinstance(overrides, dict) else None
        role = overridden or getattr(definition, attribute, None)
        if role:
            yield str(role)
