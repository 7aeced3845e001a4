"""STS: the caller's identity, and credentials of roles.

Source: AWS STS API reference, AssumeRole; IAM User Guide, "Methods to assume a role", "Update a role trust
policy", "Pass session tags in AWS STS". Credentials expire in real time, because SDKs refresh them by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from localcloud.authentication.credentials import RoleSession
from localcloud.core.cloud import ApiCall, AwsError, Cloud
from localcloud.iam.callers import caller_keys, identity_decision, owner_keys, user_id_of
from localcloud.iam.permissions import NotPermitted, as_list
from localcloud.iam.resource_policies import account_of, decide, names_account, names_principal
from localcloud.iam.roles import document_of, managed_policy, role_of

SHORTEST_SECONDS, LONGEST_SECONDS, DEFAULT_SECONDS = 900, 43_200, 3_600
LONGEST_OF_A_CHAIN = 3_600
MOST_TAGS = 50
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)


def install(cloud: Cloud) -> None:
    """Register STS operations that use the credentials issued by the local cloud."""

    def assume_role(call: ApiCall) -> Mapping[str, Any]:
        return _assume_role(cloud, call)

    cloud.answer("sts", GetCallerIdentity=_get_caller_identity, AssumeRole=assume_role)


def _get_caller_identity(call: ApiCall) -> Mapping[str, Any]:
    user_id = user_id_of(call.caller) if call.caller else call.account_id
    return {"UserId": user_id, "Account": call.account_id, "Arn": call.caller_arn}


def _assume_role(cloud: Cloud, call: ApiCall) -> Mapping[str, Any]:
    params = call.params
    _check_parameters(params)
    if call.principal.endswith(":root"):
        raise NotPermitted("AccessDenied", "Roles may not be assumed by root accounts.")
    session = _new_session(call)
    _check_trust(cloud, call, session)
    seconds = _duration(call)
    expires_at = cloud.clock.now() + timedelta(seconds=seconds)
    issued = cloud.issuer.temporary(params["RoleArn"], expires_at, session)
    answer: dict[str, Any] = {
        "Credentials": {
            "AccessKeyId": issued.access_key_id,
            "SecretAccessKey": issued.secret_access_key,
            "SessionToken": issued.session_token,
            "Expiration": expires_at,
        },
        "AssumedRoleUser": {"AssumedRoleId": user_id_of(issued), "Arn": issued.arn},
    }
    if session.source_identity is not None:
        answer["SourceIdentity"] = session.source_identity
    return answer


def _check_parameters(params: Mapping[str, Any]) -> None:
    name, external_id = params["RoleSessionName"], params.get("ExternalId")
    if not _SESSION_NAME.fullmatch(name):
        raise _constraint(name, "roleSessionName", r"[\w+=,.@-]*")
    if external_id is not None and not _EXTERNAL_ID.fullmatch(external_id):
        raise _constraint(external_id, "externalId", r"[\w+=,.@:\/-]*")
    seconds = params.get("DurationSeconds", DEFAULT_SECONDS)
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        bound = (
            f"greater than or equal to {SHORTEST_SECONDS}"
            if seconds < SHORTEST_SECONDS
            else f"less than or equal to {LONGEST_SECONDS}"
        )
        raise AwsError(
            "ValidationError",
            f"1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy "
            f"constraint: Member must have value {bound}",
        )
    if len(params.get("Tags") or ()) > MOST_TAGS:
        raise AwsError("ValidationError", f"A session can have at most {MOST_TAGS} tags")


def _constraint(value: str, name: str, pattern: str) -> AwsError:
    return AwsError(
        "ValidationError",
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must "
        f"satisfy regular expression pattern: {pattern}",
    )


def _new_session(call: ApiCall) -> RoleSession:
    """Return the session to create, with what it inherits from the caller's session in a chain of roles."""
    params, before = call.params, call.caller.session if call.caller else None
    inherited = {key: before.tags[key] for key in before.transitive_tags} if before else {}
    tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}
    overridden = sorted(key for key in tags if key.lower() in {one.lower() for one in inherited})
    if overridden:
        raise AwsError("ValidationError", f"Transitive tags cannot be overridden: {', '.join(overridden)}")
    documents = [params["Policy"]] if params.get("Policy") else []
    for named in params.get("PolicyArns") or ():
        policy = managed_policy(named["arn"])
        if policy is None or account_of(named["arn"]) != account_of(params["RoleArn"]):
            raise AwsError("ValidationError", f"The policy {named['arn']} is not in the account of the role")
        documents.append(document_of(policy))
    for document in documents:
        try:
            json.loads(document)
        except ValueError:
            raise AwsError("MalformedPolicyDocument", "This policy contains invalid Json") from None
    return RoleSession(
        name=params["RoleSessionName"],
        tags={**tags, **inherited},
        transitive_tags=frozenset([*(params.get("TransitiveTagKeys") or ()), *inherited])
        & {*tags, *inherited},
        source_identity=params.get("SourceIdentity") or (before.source_identity if before else None),
        policies=tuple(documents),
    )


def _check_trust(cloud: Cloud, call: ApiCall, session: RoleSession) -> None:
    """Raise NotPermitted unless the role trusts the caller and the caller may assume the role.

    Within an account, a trust policy that names the caller itself suffices; one that names the account leaves
    the decision to the caller's own policies. Across accounts both must allow it.
    """
    caller, params, arn = call.caller, call.params, call.params["RoleArn"]
    role, owner = role_of(arn), account_of(call.params["RoleArn"])
    denied = NotPermitted(
        "AccessDenied",
        f"User: {call.caller_arn} is not authorized to perform: sts:AssumeRole on resource: {arn}",
    )
    if caller is None or role is None or cloud.accounts.is_suspended(owner):
        raise denied
    tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}
    keys: dict[str, Any] = {
        **caller_keys(caller, cloud.accounts, region=call.region, now=cloud.clock.now()),
        **owner_keys(owner, cloud.accounts),
        "sts:RoleSessionName": session.name,
        **{f"aws:RequestTag/{key}": value for key, value in tags.items()},
    }
    optional = {
        "sts:ExternalId": params.get("ExternalId"),
        "sts:SourceIdentity": params.get("SourceIdentity"),
        "sts:TransitiveTagKeys": params.get("TransitiveTagKeys"),
        "aws:TagKeys": [*tags],
    }
    keys |= {key: value for key, value in optional.items() if value}
    for action in (
        "sts:AssumeRole",
        *(("sts:TagSession",) if session.tags else ()),
        *(("sts:SetSourceIdentity",) if session.source_identity is not None else ()),
    ):
        arns = {caller.principal, caller.arn}
        trust = _trust_statements(role)
        named = [one for one in trust if names_principal(one, arns)]
        trusted = decide(named, action=action, resource=arn, keys=keys)
        itself = [one for one in named if not names_account(one, arns)]
        sufficient = (
            owner == caller.account_id and decide(itself, action=action, resource=arn, keys=keys) == "Allow"
        )
        own = identity_decision(caller, action=action, resource=arn, keys=keys)
        if trusted != "Allow" or own == "Deny" or (own is None and not sufficient):
            raise denied


def _trust_statements(role: Any) -> list[dict[str, Any]]:  # moto's Role
    policy = role.assume_role_policy_document or "{}"
    document = json.loads(policy) if isinstance(policy, str) else policy
    # a trust policy has no Resource element: it belongs to its role
    return [dict(statement) for statement in as_list(document.get("Statement", []))]


def _duration(call: ApiCall) -> int:
    """Return the seconds of the session; raises AwsError for more than the role or a chain allows."""
    seconds, role = call.params.get("DurationSeconds", DEFAULT_SECONDS), role_of(call.params["RoleArn"])
    longest = int(getattr(role, "max_session_duration", None) or DEFAULT_SECONDS)
    if seconds > LONGEST_OF_A_CHAIN and call.caller is not None and call.caller.session is not None:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
            "chaining",
        )
    if seconds > longest:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    return int(seconds)
