"""What policies can refer to about a caller, and what the caller's own policies allow.

Source: IAM User Guide, "AWS global condition context keys", "Policy evaluation logic", "Session policies",
"Permissions boundaries for IAM entities".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from localcloud.authentication.credentials import Credentials
from localcloud.core.accounts import Accounts
from localcloud.iam.conditions import Keys
from localcloud.iam.permissions import as_list, statements_of_role
from localcloud.iam.resource_policies import Decision, decide
from localcloud.iam.roles import document_of, managed_policy, role_of, user_of

Statement = Mapping[str, Any]


def caller_keys(caller: Credentials, accounts: Accounts, *, region: str, now: datetime) -> dict[str, Any]:
    """Return the condition keys of a caller, and those of every request."""
    keys: dict[str, Any] = {
        "aws:PrincipalArn": caller.principal,
        "aws:PrincipalAccount": caller.account_id,
        "aws:PrincipalType": _type_of(caller),
        "aws:userid": user_id_of(caller),
        "aws:PrincipalIsAWSService": "false",
        "aws:ViaAWSService": "false",
        "aws:SecureTransport": "true",  # requests on loopback stand for requests with TLS
        "aws:RequestedRegion": region,
        "aws:CurrentTime": now.isoformat(),
        "aws:EpochTime": str(int(now.timestamp())),
    }
    organization = accounts.organization_of(caller.account_id)
    if organization is not None:
        keys["aws:PrincipalOrgID"] = organization
    if (user := user_of(caller.principal)) is not None:
        keys["aws:username"] = user.name
    tags = dict(_tags_of(caller.principal))
    if caller.session is not None:
        tags |= caller.session.tags
        if caller.session.source_identity is not None:
            keys["aws:SourceIdentity"] = caller.session.source_identity
    return keys | {f"aws:PrincipalTag/{key}": value for key, value in tags.items()}


def owner_keys(account_id: str, accounts: Accounts) -> dict[str, str]:
    """Return the condition keys of the account that owns a resource."""
    keys = {"aws:ResourceAccount": account_id}
    organization = accounts.organization_of(account_id)
    return keys | ({"aws:ResourceOrgID": organization} if organization is not None else {})


def user_id_of(caller: Credentials) -> str:
    """Return the unique id that GetCallerIdentity reports."""
    if caller.session is not None:
        role = role_of(caller.principal)
        return f"{role.id if role else 'AROALOCALCLOUD0000000'}:{caller.session.name}"
    user = user_of(caller.principal)
    return str(user.id) if user is not None else caller.account_id


def identity_decision(caller: Credentials, *, action: str, resource: str, keys: Keys) -> Decision | None:
    """Return what the caller's identity-based policies decide; None if no statement applies.

    A permissions boundary and session policies limit what they allow. The root user may do everything.
    """
    if caller.principal.endswith(":root"):
        return "Allow"
    return decision_of_sets(policy_sets(caller), action=action, resource=resource, keys=keys)


def decision_of_sets(
    sets: Iterable[Sequence[Statement]], *, action: str, resource: str, keys: Keys
) -> Decision | None:
    """Return the decision of sets of statements, each of which must allow a call; see `policy_sets`."""
    decisions = [decide(statements, action=action, resource=resource, keys=keys) for statements in sets]
    if "Deny" in decisions:
        return "Deny"
    return "Allow" if all(decision == "Allow" for decision in decisions) else None


def policy_sets(caller: Credentials) -> Iterator[Sequence[Statement]]:
    """Return sets of statements, each of which must allow a call: the policies, then a boundary, if any."""
    role, user = role_of(caller.principal), user_of(caller.principal)
    if user is not None:
        documents = [*user.policies.values(), *map(document_of, user.managed_policies.values())]
        yield [statement for document in documents for statement in _statements(document)]
    else:
        yield statements_of_role(role) if role is not None else []
    boundary = getattr(role, "permissions_boundary_arn", None)
    if boundary:
        policy = managed_policy(boundary)
        yield list(_statements(document_of(policy))) if policy is not None else []
    if caller.session is not None and caller.session.policies:
        yield [statement for document in caller.session.policies for statement in _statements(document)]


def _statements(document: Any) -> Iterator[Statement]:
    policy = json.loads(document) if isinstance(document, str) else document
    yield from as_list(policy.get("Statement", []))


def _type_of(caller: Credentials) -> str:
    if caller.session is not None:
        return "AssumedRole"
    return "Account" if caller.principal.endswith(":root") else "User"


def _tags_of(principal: str) -> Iterator[tuple[str, str]]:
    tags = getattr(role_of(principal), "tags", None) or ()
    for tag in tags.values() if isinstance(tags, Mapping) else tags:
        yield tag["Key"], tag["Value"]
