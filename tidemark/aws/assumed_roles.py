"""Clients with the credentials of a role in another account or Region.

botocore keeps the credentials and assumes the role again shortly before they expire.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from botocore.credentials import DeferredRefreshableCredentials
from botocore.exceptions import ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import are_credentials_refused, code_of, is_denied, message_of
from tidemark.errors import TidemarkError

# Source: AWS STS API Reference, AssumeRole, RoleSessionName.
_NOT_IN_SESSION_NAMES = re.compile(r"[^A-Za-z0-9+=,.@_-]")
_LONGEST_SESSION_NAME = 64


def session_name(text: str) -> str:
    """Return the name of a role's session for a text, such as a session id. Its end is kept."""
    return _NOT_IN_SESSION_NAMES.sub("-", text)[-_LONGEST_SESSION_NAME:].rjust(2, "-")


def clients_of_role(
    clients: Clients,
    role_arn: str,
    *,
    region: str,
    name: str,
    external_id: str,
    refused: Callable[[str], TidemarkError] | None = None,
) -> Clients:
    """Return clients that call with the role's credentials, which are requested at the first call.

    `clients` must be able to assume the role in `region`. `name` is that of the role's session; CloudTrail
    shows it. An empty external id is not sent. If AWS does not let the caller assume the role, or later
    refuses its credentials, calls raise `refused` of AWS's reason, or without it AWS's error.
    """

    def fetch() -> dict[str, str]:
        optional: Any = {"ExternalId": external_id} if external_id else {}
        try:
            answer = clients.of("sts", region).assume_role(
                RoleArn=role_arn, RoleSessionName=session_name(name), **optional
            )
        except ClientError as error:
            if refused and (is_denied(error) or are_credentials_refused(code_of(error))):
                raise refused(message_of(error)) from error
            raise
        issued = answer["Credentials"]
        return {
            "access_key": issued["AccessKeyId"],
            "secret_key": issued["SecretAccessKey"],
            "token": issued["SessionToken"],
            "expiry_time": issued["Expiration"].isoformat(),
        }

    def check(parsed: dict[str, Any], **_: Any) -> None:
        error = parsed.get("Error", {})
        if refused and are_credentials_refused(str(error.get("Code", ""))):
            raise refused(str(error.get("Message") or error["Code"]))

    credentials = DeferredRefreshableCredentials(fetch, "assume-role")
    return clients.with_credentials(credentials, after_call=check)
