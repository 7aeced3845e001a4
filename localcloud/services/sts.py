"""STS: the caller's identity, and credentials of roles."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from localcloud.core.cloud import ApiCall, AwsError, Cloud
from localcloud.iam.roles import role_of


def install(cloud: Cloud) -> None:
    """Register STS operations that use the credentials issued by the local cloud."""

    def get_caller_identity(call: ApiCall) -> Mapping[str, Any]:
        user_id = "AROALOCALCLOUD000000:session" if ":role/" in call.principal else call.account_id
        return {"UserId": user_id, "Account": call.account_id, "Arn": assumed_role_arn(call.principal)}

    def assume_role(call: ApiCall) -> Mapping[str, Any]:
        role = call.params["RoleArn"]
        if role_of(role) is None:
            raise AwsError(
                "AccessDenied",
                f"User: {call.principal} is not authorized to perform: sts:AssumeRole on resource: {role}",
            )
        # Real time, as on the callers' clocks: SDKs refresh credentials by it.
        expires_at = cloud.clock.now() + timedelta(seconds=call.params.get("DurationSeconds", 3600))
        issued = cloud.issuer.temporary(role, expires_at)
        session = call.params["RoleSessionName"]
        return {
            "Credentials": {
                "AccessKeyId": issued.access_key_id,
                "SecretAccessKey": issued.secret_access_key,
                "SessionToken": issued.session_token,
                "Expiration": expires_at,
            },
            "AssumedRoleUser": {
                "AssumedRoleId": f"AROALOCALCLOUD000000:{session}",
                "Arn": assumed_role_arn(role, session),
            },
        }

    cloud.answer("sts", GetCallerIdentity=get_caller_identity, AssumeRole=assume_role)


def assumed_role_arn(principal: str, session: str = "session") -> str:
    """Return the ARN of a session of a role; other principals are returned unchanged."""
    if ":role/" not in principal:
        return principal
    _, partition, _, _, account, _ = principal.split(":", 5)
    return f"arn:{partition}:sts::{account}:assumed-role/{principal.rsplit('/', 1)[1]}/{session}"
