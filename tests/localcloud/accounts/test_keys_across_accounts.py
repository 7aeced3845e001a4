"""KMS keys of another account, alone and as the keys of buckets.

Source: AWS KMS Developer Guide, "Allowing users in other accounts to use a KMS key".
"""

from __future__ import annotations

import base64
from contextlib import nullcontext
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud
from tests.localcloud.accounts.conftest import (
    BACKUP,
    BY_IDENTITY,
    BY_RESOURCE,
    EVERYTHING,
    PRODUCTION,
    REGION,
    allow,
    bucket_of,
    denied,
    policy,
    role,
)

pytestmark = pytest.mark.cloud


def new_key(cloud: LocalCloud, *statements: dict[str, Any]) -> str:
    root = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{BACKUP}:root"})
    kms = cloud.account("backup").client("kms")
    arn: str = kms.create_key(Policy=policy(root, *statements))["KeyMetadata"]["Arn"]
    return arn


def test_it_encrypts_and_decrypts_for_the_role_of_another_account(organization: LocalCloud) -> None:
    user = role(organization, "production", allow(["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"]))
    key = new_key(organization, allow("kms:*", Principal={"AWS": user.arn}))
    kms = user.client("kms")
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    assert kms.decrypt(KeyId=key, CiphertextBlob=blob)["Plaintext"] == b"secret"
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"  # KMS finds the key by itself
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    owner = organization.account("backup").client("kms")
    assert owner.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]


def test_both_policies_must_allow_it(organization: LocalCloud) -> None:
    permitted, bare = role(organization, "production", EVERYTHING), role(organization, "production")
    private = new_key(organization)
    shared = new_key(organization, allow("kms:Decrypt", Principal={"AWS": PRODUCTION}))
    owner = organization.account("backup").client("kms")
    blobs = [owner.encrypt(KeyId=key, Plaintext=b"s")["CiphertextBlob"] for key in (private, shared)]
    with denied(f"{BY_RESOURCE} kms:Decrypt", "AccessDeniedException"):
        permitted.client("kms").decrypt(CiphertextBlob=blobs[0])
    with denied(f"{BY_IDENTITY} kms:Decrypt", "AccessDeniedException"):
        bare.client("kms").decrypt(CiphertextBlob=blobs[1])
    assert permitted.client("kms").decrypt(CiphertextBlob=blobs[1])["Plaintext"] == b"s"
    with denied(f"{BY_RESOURCE} kms:GenerateDataKey", "AccessDeniedException"):
        permitted.client("kms").generate_data_key(KeyId=shared, KeySpec="AES_256")


def test_an_encryption_context_can_be_demanded(organization: LocalCloud) -> None:
    condition = {"StringEquals": {"kms:EncryptionContext:session": "1"}}
    key = new_key(organization, allow("kms:*", Principal={"AWS": PRODUCTION}, Condition=condition))
    kms = role(organization, "production", EVERYTHING).client("kms")
    assert kms.encrypt(KeyId=key, Plaintext=b"s", EncryptionContext={"session": "1"})
    with denied(BY_RESOURCE, "AccessDeniedException"):
        kms.encrypt(KeyId=key, Plaintext=b"s", EncryptionContext={"session": "2"})


@pytest.mark.parametrize("operation", ["get_key_policy", "disable_key", "schedule_key_deletion"])
def test_a_key_is_not_managed_from_another_account(organization: LocalCloud, operation: str) -> None:
    key = new_key(organization, allow("kms:*", Principal={"AWS": PRODUCTION}))
    kms = role(organization, "production", EVERYTHING).client("kms")
    with denied(BY_RESOURCE, "AccessDeniedException"):
        getattr(kms, operation)(KeyId=key)


def test_writing_to_an_encrypted_bucket_needs_the_buckets_key(organization: LocalCloud) -> None:
    """Source: Amazon S3 User Guide, "Using server-side encryption with AWS KMS keys"."""
    writer = role(organization, "production", EVERYTHING)
    key = new_key(organization)
    owner = organization.account("backup")
    name = bucket_of(organization, "backup", allow("s3:*", Principal={"AWS": writer.arn}))
    owner.client("s3").put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "aws:kms",
                        "KMSMasterKeyID": key,
                    }
                }
            ]
        },
    )
    s3 = writer.client("s3")

    def grant(*actions: str, **elements: Any) -> None:
        root = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{BACKUP}:root"})
        shared = allow(list(actions), Principal={"AWS": writer.arn}, **elements)
        owner.client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=policy(root, shared))

    with denied("kms:GenerateDataKey"):
        s3.put_object(Bucket=name, Key="encrypted", Body=b"content")
    grant("kms:GenerateDataKey")
    s3.put_object(Bucket=name, Key="encrypted", Body=b"content")
    with denied("kms:Decrypt"):
        s3.get_object(Bucket=name, Key="encrypted")
    via = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
    grant("kms:GenerateDataKey", "kms:Decrypt", Condition=via)
    assert s3.get_object(Bucket=name, Key="encrypted")["Body"].read() == b"content"
    for context, reads in ((f"arn:aws:s3:::{name}", False), (f"arn:aws:s3:::{name}/encrypted", True)):
        within = {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": context}}
        grant("kms:GenerateDataKey", "kms:Decrypt", Condition=within)
        with nullcontext() if reads else denied("kms:Decrypt"):
            s3.get_object(Bucket=name, Key="encrypted")
    with denied(BY_RESOURCE, "AccessDeniedException"):
        writer.client("kms").generate_data_key(KeyId=key, KeySpec="AES_256")


def test_a_ciphertext_of_an_unknown_key_is_refused_as_within_an_account(organization: LocalCloud) -> None:
    blob = base64.b64decode("A" * 200)
    with pytest.raises(ClientError):
        role(organization, "production", EVERYTHING).client("kms").decrypt(CiphertextBlob=blob)
