"""IAM's roles, users, policies and instance profiles, found by their ARNs."""

from __future__ import annotations

import json
import re

from moto.iam.models import IAMBackend, ManagedPolicy, Role, User, iam_backends

from localcloud.core.partitions import is_partition

_ARN = re.compile(r"arn:(?P<partition>[^:]+):iam::(?P<account>[0-9]{12}):.+")


def role_of(arn: str) -> Role | None:
    """Return the role of an ARN; None for any other text."""
    backend = _backend(arn)
    roles = backend.roles.values() if backend else ()
    return next((role for role in roles if role.arn == arn), None)


def user_of(arn: str) -> User | None:
    """Return the IAM user of an ARN; None for any other text."""
    backend = _backend(arn)
    users = backend.users.values() if backend else ()
    return next((user for user in users if user.arn == arn), None)


def managed_policy(arn: str) -> ManagedPolicy | None:
    """Return the customer managed policy of an ARN; None for any other text."""
    backend = _backend(arn)
    return backend.managed_policies.get(arn) if backend else None


def document_of(policy: ManagedPolicy) -> str:
    """Return the text of a customer managed policy: that of its default version."""
    default = next(version for version in policy.versions if version.version_id == policy.default_version_id)
    return str(default.document)


def assumable(role_arn: str, service: str) -> bool:
    """Return whether the role exists and trusts the service, such as ecs-tasks.amazonaws.com."""
    role = role_of(role_arn)
    policy = role.assume_role_policy_document if role else ""
    return service in (policy if isinstance(policy, str) else json.dumps(policy))


def instance_profile_exists(arn: str) -> bool:
    """Return whether an instance profile has this ARN."""
    backend = _backend(arn)
    return backend is not None and any(each.arn == arn for each in backend.instance_profiles.values())


def role_of_instance_profile(arn: str) -> str | None:
    """Return the ARN of the role in an instance profile; None where there is no such profile or role."""
    backend = _backend(arn)
    for profile in backend.instance_profiles.values() if backend else ():
        if profile.arn == arn and profile.roles:
            return str(profile.roles[0].arn)
    return None


def _backend(arn: str) -> IAMBackend | None:
    found = _ARN.fullmatch(arn)
    if found is None or not is_partition(found["partition"]):  # moto has no backend for an unknown partition
        return None
    return iam_backends[found["account"]][found["partition"]]
