"""Access to resources of other accounts, which both accounts must allow, and denials of bucket policies.

The policy of the resource must allow the caller, and the caller's own policies must allow the action on the
resource. A resource without a policy cannot be used by other accounts. Within one account, the local cloud
evaluates only what a bucket's policy denies.
Source: IAM User Guide, "Cross-account policy evaluation logic", "Troubleshoot access denied error messages".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import unquote, urlsplit

from localcloud.authentication.credentials import Credentials
from localcloud.core.accounts import Accounts
from localcloud.core.partitions import partition_of, regional_arn
from localcloud.iam.actions import PREFIXES
from localcloud.iam.callers import identity_decision, owner_keys
from localcloud.iam.conditions import Keys
from localcloud.iam.permissions import CODES, NotPermitted
from localcloud.iam.required_permissions import Check
from localcloud.iam.resource_policies import account_of, decision_of
from localcloud.iam.shared_resources import SHARED_KEY_OPERATIONS, key_arn, owner_of_bucket, policy_of

_ACCOUNT = re.compile(r"[0-9]{12}")
_PARTIAL_FUNCTION = re.compile(r"([0-9]{12}):(?:function:)?(.+)")
# Error codes of denials that differ from AccessDeniedException and are not in permissions.CODES.
_CODES = {**CODES, "sns": "AuthorizationErrorException", "sqs": "AccessDenied"}
# Operations whose parameters name resources of other accounts without a request to them: copies in this
# account of file systems in another one.
_ONLY_NAMED = {
    ("backup", "ListRecoveryPointsByResource"),
    ("backup", "DescribeProtectedResource"),
    ("backup", "StartBackupJob"),  # reports a file system of another account itself
}
# Parameters that name a resource of the service which the call does not access.
_REFERENCES = {("backup", "DestinationBackupVaultArn")}
_S3_HEADERS = (
    "if-match",
    "if-none-match",
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
)
_ID_LENGTH = 36  # of the key id at the beginning of moto's ciphertexts


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An action on a resource that may belong to another account."""

    service: str  # botocore's name, of the resource
    action: str
    resource: str  # ARN
    owner: str  # account
    context: Mapping[str, str] = field(default_factory=dict)
    called: str = ""  # the service that reports a denial, if it differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call, as far as access across accounts depends on it."""

    service: str  # botocore's name
    operation: str
    params: Mapping[str, Any]  # of path, query and body; for S3, of the path only
    query: Mapping[str, str]
    body: str  # empty if it is large
    headers: Mapping[str, str]  # with names in lower case
    checks: Sequence[Check]
    account: str  # of the caller
    region: str


def accesses_of(asked: Asked) -> Iterator[Access]:
    """Return the accesses of a call to resources whose account the call determines."""
    if (asked.service, asked.operation) in _ONLY_NAMED:
        return
    match asked.service:
        case "sts":
            return  # AssumeRole evaluates trust policies itself (services/sts.py)
        case "s3":
            yield from _of_bucket(asked)
        case "kms":
            yield from _of_keys(asked)
        case "events" if asked.operation == "PutEvents":
            yield from _of_buses(asked)
        case "sqs":
            yield from _of_queue(asked)
        case "lambda" if asked.params.get("FunctionName"):
            yield from _of_function(asked, unquote(str(asked.params["FunctionName"])))
        case _:
            yield from _of_arns(asked)


def authorize(caller: Credentials, access: Access, accounts: Accounts, keys: Keys) -> None:
    """Raise NotPermitted unless both accounts allow the access; `keys` are those of the caller.

    Within one account, only a bucket's policy is evaluated, and only for denials.
    """
    context = {**keys, **owner_keys(access.owner, accounts), **access.context}
    where = {"action": access.action, "resource": access.resource}
    policy = policy_of(access.service, access.resource)
    within = access.owner == caller.account_id
    if within and access.service != "s3":
        return
    shared = access.service != "kms" or access.action.partition(":")[2] in SHARED_KEY_OPERATIONS
    by_resource = (
        None
        if policy is None or not shared
        else decision_of(policy, principal=caller.principal, session=caller.arn, context=context, **where)
    )
    by_identity = None if within else identity_decision(caller, keys=context, **where)
    for decision, kind in ((by_identity, "identity"), (by_resource, "resource")):
        if decision == "Deny":
            raise refused(caller, access, f"with an explicit deny in {_a(kind)}-based policy")
    if within:
        return
    for decision, kind in ((by_identity, "identity"), (by_resource, "resource")):
        if decision is None:
            raise refused(caller, access, f"because no {kind}-based policy allows the {access.action} action")


def refused(caller: Credentials, access: Access, why: str) -> NotPermitted:
    """Return AWS's error for a denied access."""
    return NotPermitted(
        _CODES.get(access.called or access.service, "AccessDeniedException"),
        f"User: {caller.arn} is not authorized to perform: {access.action} on resource: {access.resource} "
        f"{why}",
    )


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _access(asked: Asked, check: Check, resource: str, owner: str) -> Access:
    return Access(
        service=asked.service, action=check.action, resource=resource, owner=owner, context=check.context
    )


def _of_arns(asked: Asked) -> Iterator[Access]:
    """Return the accesses to the resources of the checks, and to others that parameters name by ARNs."""
    own = [check for check in asked.checks if not check.implied]
    prefix = PREFIXES.get(asked.service, asked.service)
    named = [
        value
        for name, value in asked.params.items()
        if isinstance(value, str)
        and re.match(rf"arn:[^:]+:{prefix}:", value)
        and (asked.service, name) not in _REFERENCES
        and not name.startswith("By")  # a filter of a list
    ]
    for check in own:
        for resource in dict.fromkeys([check.resource, *named]):
            owner = account_of(resource)
            if _ACCOUNT.fullmatch(owner):
                yield _access(asked, check, resource, owner)


def _of_bucket(asked: Asked) -> Iterator[Access]:
    bucket = asked.params.get("Bucket") if asked.operation != "CreateBucket" else None
    owner = owner_of_bucket(str(bucket)) if bucket else None
    context = _bucket_keys(asked)
    for check in asked.checks:
        if owner is not None and not check.implied:
            for resource in _objects(asked, check.resource):
                yield Access(
                    service="s3",
                    action=check.action,
                    resource=resource,
                    owner=owner,
                    context={**context, **check.context},
                )
    source = unquote(asked.headers.get("x-amz-copy-source", "")).lstrip("/").partition("?")[0]
    source_owner = owner_of_bucket(source.partition("/")[0]) if source else None
    if source_owner is not None:
        arn = f"arn:{partition_of(asked.region)}:s3:::{source}"
        yield Access(service="s3", action="s3:GetObject", resource=arn, owner=source_owner)


def _objects(asked: Asked, resource: str) -> list[str]:
    """Return the resources of a request: for DeleteObjects, each object; a denial of one denies them all."""
    if asked.operation != "DeleteObjects":
        return [resource]
    return [f"{resource}/{unescape(key)}" for key in re.findall(r"<Key>(.*?)</Key>", asked.body, re.DOTALL)]


def _bucket_keys(asked: Asked) -> dict[str, str]:
    """Return the condition keys of an S3 request.

    Source: Service Authorization Reference, Amazon S3; Amazon S3 User Guide, "Enforce conditional writes on
    Amazon S3 buckets".
    """
    from_headers = {f"s3:{name}": asked.headers[name] for name in _S3_HEADERS if name in asked.headers}
    from_query = {
        f"s3:{key}": asked.query[name]
        for name, key in {"delimiter": "delimiter", "max-keys": "max-keys", "versionId": "VersionId"}.items()
        if name in asked.query
    }
    creates = asked.operation in ("PutObject", "CopyObject", "CompleteMultipartUpload")
    return {
        **from_headers,
        **from_query,
        "s3:ObjectCreationOperation": str(creates).lower(),
        "s3:authType": "REST-QUERY-STRING" if "X-Amz-Signature" in asked.query else "REST-HEADER",
        "s3:signatureversion": "AWS4-HMAC-SHA256",
    }


def _of_keys(asked: Asked) -> Iterator[Access]:
    wanted = {
        "SourceKeyId": "kms:ReEncryptFrom",
        "DestinationKeyId": "kms:ReEncryptTo",
        "KeyId": f"kms:{asked.operation}",
    }
    named = {action: str(asked.params[name]) for name, action in wanted.items() if asked.params.get(name)}
    if asked.operation in ("Decrypt", "ReEncrypt"):
        action = "kms:Decrypt" if asked.operation == "Decrypt" else "kms:ReEncryptFrom"
        if action not in named and (found := _key_of_ciphertext(asked)) is not None:
            named[action] = found
    context = {"kms:CallerAccount": asked.account}
    encryption = asked.params.get("EncryptionContext")
    for key, value in encryption.items() if isinstance(encryption, dict) else ():
        context[f"kms:EncryptionContext:{key}"] = str(value)
    for action, key in named.items():
        if key.startswith("arn:") and _ACCOUNT.fullmatch(account_of(key)):
            arn = key_arn(account_of(key), asked.region, key) or key
            yield Access(service="kms", action=action, resource=arn, owner=account_of(key), context=context)


def _key_of_ciphertext(asked: Asked) -> str | None:
    """Return the ARN of the key that encrypted a ciphertext, whose account KMS finds by itself."""
    from moto.kms.models import kms_backends

    try:
        blob = base64.b64decode(asked.params.get("CiphertextBlob") or "", validate=True)
        key_id = blob[:_ID_LENGTH].decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None
    for account in list(kms_backends):
        if key_id in kms_backends[account][asked.region].keys:
            return regional_arn("kms", asked.region, account, f"key/{key_id}")
    return None


def _of_buses(asked: Asked) -> Iterator[Access]:
    entries = asked.params.get("Entries")
    for entry in entries if isinstance(entries, list) else ():
        bus = str(entry.get("EventBusName") or "default")
        arn = bus if bus.startswith("arn:") else f"event-bus/{bus}"
        if not arn.startswith("arn:"):
            arn = regional_arn("events", asked.region, asked.account, arn)
        context = {
            "events:source": str(entry.get("Source", "")),
            "events:detail-type": str(entry.get("DetailType", "")),
        }
        yield Access(
            service="events", action="events:PutEvents", resource=arn, owner=account_of(arn), context=context
        )


def _of_queue(asked: Asked) -> Iterator[Access]:
    path = urlsplit(str(asked.params.get("QueueUrl", ""))).path.strip("/")
    owner, _, name = path.partition("/")
    if asked.params.get("QueueOwnerAWSAccountId"):
        owner, name = str(asked.params["QueueOwnerAWSAccountId"]), str(asked.params.get("QueueName", ""))
    if _ACCOUNT.fullmatch(owner):
        for check in asked.checks:
            if not check.implied:
                yield _access(asked, check, regional_arn("sqs", asked.region, owner, name), owner)


def _of_function(asked: Asked, name: str) -> Iterator[Access]:
    partial = _PARTIAL_FUNCTION.fullmatch(name)
    if partial is not None:
        name = regional_arn("lambda", asked.region, partial[1], f"function:{partial[2]}")
    owner = account_of(name)
    for check in asked.checks:
        if not check.implied and _ACCOUNT.fullmatch(owner):
            yield _access(asked, check, name, owner)
