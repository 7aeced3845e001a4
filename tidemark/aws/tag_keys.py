"""The data keys of the tags: wrapped in the repository, unwrapped by KMS, in memory only.

`tag-keys/<version>.json` below the repository holds one version, written once and never changed. KMS
unwraps it only with the encryption context of this deployment and version, which is made here and not
taken from the file; so a file put in another's place is refused.

Needs s3:ListBucket for the prefix `tag-keys/`, s3:GetObject and s3:PutObject on `tag-keys/*`, and
kms:GenerateDataKey and kms:Decrypt on the deployment's tag key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.errors import TagKeyDamaged
from tidemark.tags import KEY_BYTES, TagKey, WrappedTagKey, encryption_context

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client

_FILE = re.compile(r"([1-9][0-9]*)\.json")
# Somebody else wrote the key, or is writing it now. Source: S3 API, conditional writes.
_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}
_NOT_UNWRAPPED = {"InvalidCiphertextException", "IncorrectKeyException"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TagKeys:
    """The data keys of one deployment."""

    s3: S3Client
    kms: KMSClient
    repository: str  # s3://bucket/prefix
    kms_key: str  # ARN of the KMS key that wraps them
    deployment: str

    def current(self) -> TagKey:
        """Return the newest data key, making the first one if there is none.

        Two first users agree: the one that writes second takes what the first has written.
        """
        versions = self.versions()
        if not versions:
            return self._make(1)
        return self._unwrap(max(versions))

    def all(self) -> dict[int, bytes]:
        """Return every data key by its version; empty before the first session."""
        return {version: self._unwrap(version).secret for version in self.versions()}

    def rotate(self) -> TagKey:
        """Make a new data key, which seals from now on, and return it. The old ones go on opening."""
        return self._make(max(self.versions(), default=0) + 1)

    def versions(self) -> list[int]:
        """Return the versions there are, oldest first."""
        folder = self._key(1).removesuffix("1.json")
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder)
        names = (entry["Key"].removeprefix(folder) for page in pages for entry in page.get("Contents", ()))
        return sorted(int(match[1]) for name in names if (match := _FILE.fullmatch(name)))

    def _make(self, version: int) -> TagKey:
        context = encryption_context(self.deployment, version)
        answer = self.kms.generate_data_key(
            KeyId=self.kms_key, NumberOfBytes=KEY_BYTES, EncryptionContext=context
        )
        wrapped = WrappedTagKey(version=version, wrapped=answer["CiphertextBlob"], encryption_context=context)
        try:
            self.s3.put_object(
                Bucket=self._bucket,
                Key=self._key(version),
                Body=wrapped.to_json().encode(),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if code_of(error) not in _TAKEN:
                raise
            return self._unwrap(version)
        return TagKey(version=version, secret=answer["Plaintext"])

    def _unwrap(self, version: int) -> TagKey:
        url = f"s3://{self._bucket}/{self._key(version)}"
        restore = "restore an older version of that object"
        try:
            body = self.s3.get_object(Bucket=self._bucket, Key=self._key(version))["Body"].read()
            wrapped = WrappedTagKey.from_json(body)
            answer = self.kms.decrypt(
                KeyId=self.kms_key,
                CiphertextBlob=wrapped.wrapped,
                EncryptionContext=encryption_context(self.deployment, version),
            )
        except TagKeyDamaged as error:
            raise TagKeyDamaged(f"{url}: {error}; {restore}") from error
        except ClientError as error:
            if code_of(error) not in _NOT_UNWRAPPED:
                raise
            raise TagKeyDamaged(
                f"{url}: KMS does not unwrap it for deployment {self.deployment}; {restore}"
            ) from error
        if len(answer["Plaintext"]) != KEY_BYTES:
            raise TagKeyDamaged(f"{url}: the key has not {KEY_BYTES} bytes; {restore}")
        return TagKey(version=version, secret=answer["Plaintext"])

    def _key(self, version: int) -> str:
        prefix = urlsplit(self.repository).path.strip("/")
        return f"{prefix}/tag-keys/{version}.json".lstrip("/")

    @property
    def _bucket(self) -> str:
        return urlsplit(self.repository).netloc
