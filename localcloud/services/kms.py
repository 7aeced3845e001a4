"""KMS: symmetric keys without a key pair."""

from __future__ import annotations

from localcloud.core.cloud import ApiCall, AwsError, Cloud

SYMMETRIC = "SYMMETRIC_DEFAULT"


def install(cloud: Cloud) -> None:
    """Create no RSA key pair for a symmetric key, and refuse the request for its public key."""
    _no_key_pair()
    cloud.refuse("kms", GetPublicKey=_no_public_key)


def _no_key_pair() -> None:
    """moto generates a pair for every key: for the keys of one deployment, most of a second."""
    from moto.kms import models

    generate = models.generate_private_key

    def generate_private_key(key_spec: str) -> object:
        return None if key_spec == SYMMETRIC else generate(key_spec)

    models.generate_private_key = generate_private_key


def _no_public_key(call: ApiCall) -> None:
    """Raise AwsError for a symmetric key.

    Source: GetPublicKey, errors; AWS KMS Developer Guide, "Download public key".
    """
    from moto.kms.models import kms_backends

    backend = kms_backends[call.account_id][call.region]
    key_id = backend.any_id_to_key_id(call.params["KeyId"])
    key = backend.keys.get(key_id)
    if key is not None and key.key_spec == SYMMETRIC:
        raise AwsError(
            "UnsupportedOperationException",
            f"{key.arn} key spec is {SYMMETRIC} which is not valid for GetPublicKey.",
        )
