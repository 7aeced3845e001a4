"""Enforces quotas of AWS that moto does not.

Each refusal names its source. Adjustable quotas have the values of a new account.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from localcloud.core.cloud import ApiCall, AwsError, Cloud
from localcloud.core.partitions import partition_of

# IAM User Guide, "IAM and AWS STS quotas"; white space does not count.
LARGEST_ROLE_POLICIES = 10_240  # all inline policies of a role
LARGEST_MANAGED_POLICY = 6_144
MOST_MANAGED_POLICIES = 10  # attached to a role
LARGEST_TRUST_POLICY = 2_048
# AWS Systems Manager User Guide, "Managing parameter tiers"; PutParameter, errors
LARGEST_PARAMETER = {"Standard": 4_096, "Advanced": 8_192, "Intelligent-Tiering": 8_192}
MOST_LEVELS = 15
LARGEST_ENVIRONMENT = 4_096  # AWS Lambda Developer Guide, "Lambda quotas", environment variables
LONGEST_SCHEDULE = 256  # CreateSchedule, ScheduleExpression
LARGEST_USER_DATA = 16_384  # RunInstances, UserData: before encoding


def install(cloud: Cloud) -> None:
    """Register checks that refuse calls beyond the quotas."""
    cloud.refuse(
        "iam",
        CreateRole=_trust_policy,
        UpdateAssumeRolePolicy=_trust_policy,
        PutRolePolicy=_role_policy,
        CreatePolicy=_managed_policy,
        CreatePolicyVersion=_managed_policy,
        AttachRolePolicy=_attachment,
    )
    cloud.refuse("ssm", PutParameter=_parameter)
    cloud.refuse("lambda", CreateFunction=_environment, UpdateFunctionConfiguration=_environment)
    cloud.refuse("scheduler", CreateSchedule=_schedule, UpdateSchedule=_schedule)
    cloud.refuse("ec2", RunInstances=_user_data)


def policy_size(document: str) -> int:
    """Return the number of characters of a policy that IAM counts."""
    return len(re.sub(r"\s", "", document))


def _trust_policy(call: ApiCall) -> None:
    document = call.params.get("AssumeRolePolicyDocument") or call.params.get("PolicyDocument") or ""
    if policy_size(document) > LARGEST_TRUST_POLICY:
        raise _limit_exceeded(f"Cannot exceed quota for ACLSizePerRole: {LARGEST_TRUST_POLICY}")


def _role_policy(call: ApiCall) -> None:
    name, role = call.params["RoleName"], _role(call)
    kept = {} if role is None else dict(role.policies)
    kept[call.params["PolicyName"]] = call.params["PolicyDocument"]
    if sum(map(policy_size, kept.values())) > LARGEST_ROLE_POLICIES:
        raise _limit_exceeded(
            f"Maximum policy size of {LARGEST_ROLE_POLICIES} bytes exceeded for role {name}"
        )


def _managed_policy(call: ApiCall) -> None:
    if policy_size(call.params["PolicyDocument"]) > LARGEST_MANAGED_POLICY:
        raise _limit_exceeded(f"Cannot exceed quota for PolicySize: {LARGEST_MANAGED_POLICY}")


def _attachment(call: ApiCall) -> None:
    role = _role(call)
    others = set() if role is None else set(role.managed_policies) - {call.params["PolicyArn"]}
    if len(others) >= MOST_MANAGED_POLICIES:
        raise _limit_exceeded(f"Cannot exceed quota for PoliciesPerRole: {MOST_MANAGED_POLICIES}")


def _role(call: ApiCall) -> Any:  # moto's Role, or None
    from moto.iam.models import iam_backends

    roles = iam_backends[call.account_id][partition_of(call.region)].roles.values()
    return next((role for role in roles if role.name == call.params["RoleName"]), None)


def _limit_exceeded(message: str) -> AwsError:
    return AwsError("LimitExceededException", message)  # the shape; its code is LimitExceeded


def _parameter(call: ApiCall) -> None:
    name, value = call.params["Name"], call.params["Value"]
    tier = call.params.get("Tier") or _tier_of(call, name)
    largest = LARGEST_PARAMETER[tier]
    if len(value.encode()) > largest:
        kind = "Standard" if tier == "Standard" else "Advanced"
        raise AwsError(
            "ValidationException",
            f"{kind} tier parameters support a maximum parameter value of {largest} characters.",
        )
    if name.count("/") > MOST_LEVELS:
        raise AwsError(
            "HierarchyLevelLimitExceededException",
            f"A parameter hierarchy can have a maximum of {MOST_LEVELS} levels.",
        )


def _tier_of(call: ApiCall, name: str) -> str:
    """Return the tier of an existing parameter that is overwritten without a tier."""
    from moto.ssm.models import ssm_backends

    versions = ssm_backends[call.account_id][call.region]._parameters.get(name)
    return (versions[-1].tier if versions else None) or "Standard"


def _environment(call: ApiCall) -> None:
    variables = (call.params.get("Environment") or {}).get("Variables") or {}
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > LARGEST_ENVIRONMENT:
        raise AwsError(
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables "
            f"you have provided exceeded the 4KB limit. String measured: {measured}",
        )


def _schedule(call: ApiCall) -> None:
    if len(call.params["ScheduleExpression"]) > LONGEST_SCHEDULE:
        raise AwsError(
            "ValidationException",
            "1 validation error detected: Value at 'scheduleExpression' failed to satisfy constraint: Member "
            f"must have length less than or equal to {LONGEST_SCHEDULE}",
        )


def _user_data(call: ApiCall) -> None:
    if len(base64.b64decode(call.params.get("UserData") or "")) > LARGEST_USER_DATA:
        raise AwsError("InvalidParameterValue", f"User data is limited to {LARGEST_USER_DATA} bytes")
