"""IAM statements as values, with a reason wherever a resource is a pattern.

The CDK's `grant` methods use wildcard actions (`s3:GetObject*`), so every statement is explicit here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.nag import acknowledge


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Actions on resources, with the reason if the resources are a pattern."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    why_pattern: str | None = None

    def statement(self) -> iam.PolicyStatement:
        """Return the grant as the CDK's statement."""
        return iam.PolicyStatement(
            actions=list(self.actions),
            resources=list(self.resources),
            conditions=dict(self.conditions) or None,
        )


NO_LEVEL = "These actions have no resource level in IAM."


def pass_role(passed: iam.IRole, service: str) -> Grant:
    """Return the grant to pass a role to one service."""
    return Grant(
        actions=("iam:PassRole",),
        resources=(passed.role_arn,),
        conditions={"StringEquals": {"iam:PassedToService": service}},
    )


def role(
    scope: Construct,
    identifier: str,
    *,
    assumed_by: iam.IPrincipal,
    description: str,
    grants: Iterable[Grant],
    role_name: str | None = None,
    managed_policies: list[iam.IManagedPolicy] | None = None,
) -> iam.Role:
    """Return a role with exactly `grants`, and a cdk-nag acknowledgement for each pattern.

    The statements are inline in the role, so that neither exists without the other.
    """
    grants = list(grants)
    document = iam.PolicyDocument(statements=[grant.statement() for grant in grants])
    made = iam.Role(
        scope,
        identifier,
        assumed_by=assumed_by,
        description=description,
        role_name=role_name,
        inline_policies={"grants": document} if grants else None,
        managed_policies=managed_policies,
    )
    for grant in grants:
        for resource in grant.resources:
            text = _as_nag_writes_it(Stack.of(scope).resolve(resource))
            if "*" in text:
                if grant.why_pattern is None:
                    raise ValueError(
                        f"{text} is a pattern without a reason; give {grant.actions} a why_pattern"
                    )
                acknowledge(made, f"AwsSolutions-IAM5[Resource::{text}]", grant.why_pattern)
    return made


def _as_nag_writes_it(resolved: Any) -> str:
    """Return a resolved CloudFormation value in the notation of cdk-nag's findings:
    `arn:<AWS::Partition>:...`."""
    match resolved:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_as_nag_writes_it(part) for part in parts)
        case _:
            return str(resolved)
