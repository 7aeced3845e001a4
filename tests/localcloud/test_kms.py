"""KMS keys: a symmetric one encrypts and has no public key; an asymmetric one has a key pair."""

from __future__ import annotations

import pytest

from localcloud import LocalCloud

pytestmark = pytest.mark.cloud


def test_a_symmetric_key_encrypts_and_has_no_public_key(cloud: LocalCloud) -> None:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secret = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"secret"
    kms.create_alias(AliasName="alias/symmetric", TargetKeyId=key)
    for name in (key, "alias/symmetric"):
        with pytest.raises(kms.exceptions.UnsupportedOperationException, match="SYMMETRIC_DEFAULT"):
            kms.get_public_key(KeyId=name)


def test_an_asymmetric_key_signs_and_verifies(cloud: LocalCloud) -> None:
    kms = cloud.client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    assert kms.get_public_key(KeyId=key)["PublicKey"]
    request = {"KeyId": key, "Message": b"text", "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = kms.sign(**request)["Signature"]
    assert kms.verify(**request, Signature=signature)["SignatureValid"]


def test_the_public_key_of_a_key_that_does_not_exist_is_not_found(cloud: LocalCloud) -> None:
    kms = cloud.client("kms")
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.get_public_key(KeyId="00000000-0000-0000-0000-000000000000")
