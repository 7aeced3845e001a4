"""The data keys of the tags: wrapped in the repository, unwrapped by KMS in memory only.

`tag-keys/<version>.json` below the repository contains one version, written once and never changed. KMS
unwraps it only with the encryption context of this deployment and version, which is created here and not
read from the file, so a swapped file is rejected.

A deleted key is never created again, because the tags that it sealed would appear altered forever. The
bucket keeps every version of these objects, so that the deletion can be undone.

Needs s3:ListBucket and s3:ListBucketVersions for the prefix `tag-keys/`, s3:GetObject and s3:PutObject on
`tag-keys/*`, and kms:GenerateDataKey and kms:Decrypt on the deployment's tag key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of, is_denied, is_taken
from tidemark.aws.s3_url import place_of
from tidemark.errors import TagKeyDamaged
from tidemark.tags import KEY_BYTES, TagKey, WrappedTagKey, encryption_context, key_versions

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client

_FILE = re.compile(r"([1-9][0-9]*)\.json")
_MISSING = {"NoSuchKey", "404"}
_NOT_UNWRAPPED = {"InvalidCiphertextException", "IncorrectKeyException"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TagKeys:
    """The data keys of one deployment."""

    s3: S3Client
    kms: KMSClient
    repository: str  # s3://bucket/prefix
    kms_key: str  # ARN of the KMS key that wraps them
    deployment: str
    _opened: dict[int, bytes] = field(default_factory=dict, init=False, repr=False)  # cache of unwrapped keys

    def current(self, has_history: Callable[[], bool] = lambda: False) -> TagKey:
        """Return the newest data key; create the first one if there never was one.

        Safe for concurrent first users: the second writer uses the key of the first. `has_history` is
        called if there is no key, and returns whether the deployment has sealed tags before. Raises
        TagKeyDamaged if a key was deleted.
        """
        versions = self.versions()
        self._refuse_deleted(max(versions, default=0))
        if not versions and has_history():
            versions = self.versions()  # the session in that history may have just created the first key
            if not versions:
                raise self._gone()
        return self._unwrap(max(versions)) if versions else self._make(1)

    def needed_by(self, tags: Mapping[str, str]) -> dict[int, bytes]:
        """Return the data keys that a point's tags name and the repository contains, by version.

        Raises TagKeyDamaged for a key that cannot be unwrapped; keys that no tag names are not read.
        """
        for version in key_versions(tags) - self._opened.keys():
            try:
                self._opened[version] = self._unwrap(version).secret
            except ClientError as error:
                # S3 returns 403 for a missing key if ListBucket is limited to a prefix.
                denied = error.operation_name == "GetObject" and is_denied(error)
                if code_of(error) not in _MISSING and not (denied and version not in self.versions()):
                    raise
        return {version: self._opened[version] for version in key_versions(tags) & self._opened.keys()}

    def rotate(self) -> TagKey:
        """Create a new data key, which seals from now on, and return it. The old ones still open.

        Raises TagKeyDamaged if the newest was deleted: its version must not be reused.
        """
        newest = max(self.versions(), default=0)
        self._refuse_deleted(newest)
        return self._make(newest + 1)

    def versions(self) -> list[int]:
        """Return the existing versions, oldest first."""
        folder = self._key(1).removesuffix("1.json")
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder)
        names = (entry["Key"].removeprefix(folder) for page in pages for entry in page.get("Contents", ()))
        return sorted(int(match[1]) for name in names if (match := _FILE.fullmatch(name)))

    def _refuse_deleted(self, newest: int) -> None:
        """Raise TagKeyDamaged if a version above the newest was deleted and can be restored."""
        folder = self._key(1).removesuffix("1.json")
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=folder)
        for page in pages:
            for marker in page.get("DeleteMarkers", ()):
                match = _FILE.fullmatch(marker["Key"].removeprefix(folder))
                if match and int(match[1]) > newest and marker["IsLatest"]:
                    raise TagKeyDamaged(
                        f"{self._url(int(match[1]))} was deleted, and tags are encrypted with it; restore it "
                        f"with: aws s3api delete-object --bucket {self._bucket} --key {marker['Key']} "
                        f"--version-id {marker['VersionId']}"
                    )

    def _gone(self) -> TagKeyDamaged:
        return TagKeyDamaged(
            f"{self._url(1)} is missing with all versions, and earlier sessions have encrypted tags with it; "
            f"restore it from a copy of the repository, or create a new key, which cannot open those tags: "
            f"tidemark tag-key rotate"
        )

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
            if not is_taken(error):
                raise
            return self._unwrap(version)
        return TagKey(version=version, secret=answer["Plaintext"])

    def _unwrap(self, version: int) -> TagKey:
        url = self._url(version)
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
                f"{url}: KMS cannot unwrap it for deployment {self.deployment}; {restore}"
            ) from error
        if len(answer["Plaintext"]) != KEY_BYTES:
            raise TagKeyDamaged(f"{url}: the key does not have {KEY_BYTES} bytes; {restore}")
        return TagKey(version=version, secret=answer["Plaintext"])

    def _url(self, version: int) -> str:
        return f"s3://{self._bucket}/{self._key(version)}"

    def _key(self, version: int) -> str:
        return f"{place_of(self.repository)[1]}tag-keys/{version}.json"

    @property
    def _bucket(self) -> str:
        return place_of(self.repository)[0]
