"""Checks of S3 requests that depend on the bucket's owner: expected owners, ACLs, and encryption keys.

Source: Amazon S3 User Guide, "Verifying bucket ownership with bucket owner condition", "Controlling ownership
of objects and disabling ACLs for your bucket" (the default for new buckets; the local cloud treats all
buckets so), "Using server-side encryption with AWS KMS keys", "Using SSE-KMS encryption for cross-account
operations".
"""

from __future__ import annotations

from collections.abc import Iterator

from localcloud.core.cloud import AwsError
from localcloud.core.partitions import partition_of, url_suffix
from localcloud.iam.cross_account import Access, Asked
from localcloud.iam.permissions import NotPermitted
from localcloud.iam.resource_policies import account_of
from localcloud.iam.shared_resources import bucket_named, is_managed_by_aws, key_arn

_WRITES = ("PutObject", "CopyObject", "CreateMultipartUpload")
_PARTS = ("UploadPart", "UploadPartCopy", "CompleteMultipartUpload")
_READS = ("GetObject", "HeadObject")
# Only identities of the owner's account can use these, whatever the policy says.
OF_THE_OWNER = ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy")


class MethodNotAllowed(NotPermitted):
    """Only identities of the bucket owner's account can use the operation."""

    http_status = 405


def check_bucket(asked: Asked, owner: str) -> None:
    """Raise AwsError for a wrong expected owner, an ACL, or an operation that only the owner may use."""
    expected = asked.headers.get("x-amz-expected-bucket-owner")
    if expected is not None and expected != owner:
        raise NotPermitted("AccessDenied", "Access Denied")
    acl = asked.headers.get("x-amz-acl")
    if owner != asked.account and acl is not None and acl != "bucket-owner-full-control":
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")
    if owner != asked.account and asked.operation in OF_THE_OWNER:
        raise MethodNotAllowed(
            "MethodNotAllowed", "The specified method is not allowed against this resource."
        )


def key_accesses(asked: Asked) -> Iterator[Access]:
    """Return the uses of KMS keys of other accounts that an S3 request implies.

    Raises NotPermitted for an object that an AWS managed key of another account encrypts: its policy cannot
    be changed.
    """
    bucket = bucket_named(str(asked.params.get("Bucket")))
    if bucket is None or asked.service != "s3":
        return
    if asked.operation in _WRITES:
        yield from _uses(asked, _key_of_write(asked, bucket), "GenerateDataKey", bucket)
    elif asked.operation in _PARTS:
        key = _default_key(bucket)
        for action in ("GenerateDataKey", "Decrypt"):
            yield from _uses(asked, key, action, bucket)
    elif asked.operation in _READS:
        found = bucket.keys.get(str(asked.params.get("Key")))
        # A delete marker, the latest version of a deleted object, has no encryption.
        encrypted = getattr(found, "encryption", None) == "aws:kms"
        if encrypted and bucket.account_id != asked.account:
            yield from _uses(asked, _qualified(found.kms_key_id, bucket), "Decrypt", bucket)


def _uses(asked: Asked, key: str | None, operation: str, bucket: object) -> Iterator[Access]:
    if key is None:
        return
    owner = account_of(key)
    if owner == asked.account:
        return
    if is_managed_by_aws(owner, asked.region, key):
        raise NotPermitted(
            "AccessDenied",
            f"The ciphertext refers to the AWS managed key {key}, which other accounts cannot use.",
        )
    context = {
        "kms:ViaService": f"s3.{asked.region}.{url_suffix(asked.region)}",
        "kms:CallerAccount": asked.account,
        "aws:ViaAWSService": "true",
        "kms:EncryptionContext:aws:s3:arn": _encryption_context(asked, bucket),
        "kms:EncryptionContextKeys": "aws:s3:arn",
    }
    arn = key_arn(owner, asked.region, key) or key
    action = f"kms:{operation}"
    yield Access(service="kms", action=action, resource=arn, owner=owner, context=context, called="s3")


def _encryption_context(asked: Asked, bucket: object) -> str:
    """Return S3's encryption context: the ARN of the object or, with a bucket key, of the bucket.

    Source: Amazon S3 User Guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys".
    """
    arn = f"arn:{partition_of(asked.region)}:s3:::{asked.params.get('Bucket')}"
    rule = (getattr(bucket, "encryption", None) or {}).get("Rule") or {}
    with_bucket_key = str(rule.get("BucketKeyEnabled", "false")).lower() == "true"
    return arn if with_bucket_key else f"{arn}/{asked.params.get('Key')}"


def _key_of_write(asked: Asked, bucket: object) -> str | None:
    algorithm = asked.headers.get("x-amz-server-side-encryption")
    key = asked.headers.get("x-amz-server-side-encryption-aws-kms-key-id")
    if key is not None:
        # an id without an account is one of the caller's account
        return key if key.startswith("arn:") else None
    return _default_key(bucket) if algorithm in (None, "aws:kms") else None


def _default_key(bucket: object) -> str | None:
    """Return the ARN of the customer managed key of a bucket's default encryption; None without one."""
    rule = (getattr(bucket, "encryption", None) or {}).get("Rule") or {}
    default = rule.get("ApplyServerSideEncryptionByDefault") or {}
    key = default.get("KMSMasterKeyID") if default.get("SSEAlgorithm") == "aws:kms" else None
    # with the AWS managed key as the default, each account's requests use its own
    return None if key is None or "alias/aws/" in key else _qualified(key, bucket)


def _qualified(key: str | None, bucket: object) -> str | None:
    if key is None or key.startswith("arn:"):
        return key
    account, region = getattr(bucket, "account_id", ""), getattr(bucket, "region_name", "")
    return key_arn(account, region, key)
