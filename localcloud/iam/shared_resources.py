"""The policies of resources that other accounts can use.

Source: IAM User Guide, "AWS services that work with IAM", resource-based policies. Vaults of AWS Backup have
policies too, but AWS Backup rejects all calls of other accounts (backup/vault_policies.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Policy = Mapping[str, Any]
# Operations that a key policy can allow to other accounts.
# Source: AWS KMS Developer Guide, "Allowing users in other accounts to use a KMS key".
SHARED_KEY_OPERATIONS = frozenset(
    {
        *("CreateGrant", "ListGrants", "RetireGrant", "RevokeGrant"),
        *("DescribeKey", "GetKeyRotationStatus", "GetPublicKey"),
        *("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"),
        *("GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair"),
        *("GenerateDataKeyPairWithoutPlaintext", "GenerateMac", "VerifyMac", "Sign", "Verify"),
        "DeriveSharedSecret",
    }
)


def policy_of(service: str, arn: str) -> Policy | None:
    """Return the policy of a resource by its ARN; None if it has none or does not exist.

    `service` is botocore's name. Resources of services without such policies have none.
    """
    _, _, _, region, account, name = arn.split(":", 5)
    match service:
        case "s3":
            return _of_bucket(name.partition("/")[0])
        case "kms":
            return _of_key(account, region, name)
        case "sns":
            return _of_topic(account, region, arn)
        case "sqs":
            return _of_queue(account, region, name)
        case "lambda":
            return _of_function(account, region, name.removeprefix("function:"))
        case "events":
            return _of_bus(account, region, name.removeprefix("event-bus/"))
    return None


def owner_of_bucket(name: str) -> str | None:
    """Return the account that owns a bucket; None if there is no such bucket."""
    from moto.s3.models import s3_backends

    owner: str | None = s3_backends.bucket_accounts.get(name, (None, None))[1]
    return owner


def bucket_named(name: str) -> Any:  # moto's FakeBucket
    """Return a bucket of any account; None if there is no such bucket."""
    from moto.s3.models import s3_backends

    partition, account = s3_backends.bucket_accounts.get(name, (None, None))
    return s3_backends[account][partition].buckets.get(name) if account else None


def key_arn(account: str, region: str, key_or_alias: str) -> str | None:
    """Return the ARN of a key by its id, `alias/NAME` or ARN; None if there is no such key."""
    from moto.kms.models import kms_backends

    if key_or_alias.startswith("arn:"):
        _, _, _, region, account, key_or_alias = key_or_alias.split(":", 5)
    backend = kms_backends[account][region]
    name = key_or_alias.removeprefix("key/")
    key = backend.keys.get(backend.any_id_to_key_id(name) if name.startswith("alias/") else name)
    return str(key.arn) if key is not None else None


def is_managed_by_aws(account: str, region: str, key: str) -> bool:
    """Return whether a key, by its id or ARN, is the AWS managed key of a service."""
    from moto.kms.models import kms_backends

    if "alias/aws/" in key:
        return True
    backend, key_id = kms_backends[account][region], key.rpartition("/")[2]
    names = [str(alias.alias_name) for alias in backend.list_aliases() if alias.target_key_id == key_id]
    return any(name.startswith("alias/aws/") for name in names)


def _of_bucket(name: str) -> Policy | None:
    bucket = bucket_named(name)
    return _parsed(bucket.policy) if bucket is not None else None


def _of_key(account: str, region: str, name: str) -> Policy | None:
    from moto.kms.models import kms_backends

    arn = key_arn(account, region, name)
    if arn is None:
        return None
    return _parsed(kms_backends[account][region].keys[arn.rpartition("/")[2]].policy)


def _of_topic(account: str, region: str, arn: str) -> Policy | None:
    from moto.sns.models import sns_backends

    topic = sns_backends[account][region].topics.get(arn)
    return _parsed(topic.policy) if topic is not None else None


def _of_queue(account: str, region: str, name: str) -> Policy | None:
    from moto.sqs.models import sqs_backends

    queue = sqs_backends[account][region].queues.get(name)
    return _parsed(queue.policy) if queue is not None else None


def _of_function(account: str, region: str, name: str) -> Policy | None:
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.models import lambda_backends

    try:
        function = lambda_backends[account][region].get_function(name.partition(":")[0])
    except UnknownFunctionException:
        return None
    return {"Statement": function.policy.statements} if function.policy is not None else None


def _of_bus(account: str, region: str, name: str) -> Policy | None:
    from moto.events.models import events_backends

    bus = events_backends[account][region].event_buses.get(name)
    return _parsed(bus.policy) if bus is not None else None


def _parsed(document: Any) -> Policy | None:
    if not document:
        return None
    policy = json.loads(document) if isinstance(document, str | bytes) else document
    return policy if isinstance(policy, Mapping) else None
