"""The data keys of the tags: wrapped in the repository, unwrapped by KMS, in memory only.

`tag-keys/<version>.json` below the repository holds one version, written once and never changed. KMS
unwraps it only with the encryption context of this deployment and version, which is made here and not
taken from the file; so a file put in another's place is refused.

A deleted file is never made again: what it has sealed would look altered for ever. The bucket keeps every
version of these objects, so that the deletion can be undone.

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
    _opened: dict[int, bytes] = field(default_factory=dict, init=False, repr=False)  # what was unwrapped

    def current(self, has_history: Callable[[], bool] = lambda: False) -> TagKey:
        """Return the newest data key, making the first one if there never was one.

        Two first users agree: the one that writes second takes what the first has written. `has_history` is
        asked where there is no key: whether the deployment has sealed tags before. Raises TagKeyDamaged
        where a key was deleted.
        """
        versions = self.versions()
        self._refuse_deleted(max(versions, default=0))
        if not versions and has_history():
            versions = self.versions()  # whoever made that history may have made the first key meanwhile
            if not versions:
                raise self._gone()
        return self._unwrap(max(versions)) if versions else self._make(1)

    def needed_by(self, tags: Mapping[str, str]) -> dict[int, bytes]:
        """Return the data keys that a point's tags name, by version, as far as the repository holds them.

        Raises TagKeyDamaged for one that cannot be unwrapped; one that no tag names keeps nobody from any.
        """
        for version in key_versions(tags) - self._opened.keys():
            try:
                self._opened[version] = self._unwrap(version).secret
            except ClientError as error:
                # S3 answers 403 for a missing key where ListBucket is limited to a prefix.
                denied = error.operation_name == "GetObject" and is_denied(error)
                if code_of(error) not in _MISSING and not (denied and version not in self.versions()):
                    raise
        return {version: self._opened[version] for version in key_versions(tags) & self._opened.keys()}

    def rotate(self) -> TagKey:
        """Make a new data key, which seals from now on, and return it. The old ones go on opening.

        Raises TagKeyDamaged where the newest was deleted: its number must not be given twice.
        """
        newest = max(self.versions(), default=0)
        self._refuse_deleted(newest)
        return self._make(newest + 1)

    def versions(self) -> list[int]:
        """Return the versions there are, oldest first."""
        folder = self._key(1).removesuffix("1.json")
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder)
        names = (entry["Key"].removeprefix(folder) for page in pages for entry in page.get("Contents", ()))
        return sorted(int(match[1]) for name in names if (match := _FILE.fullmatch(name)))

    def _refuse_deleted(self, newest: int) -> None:
        """Raise TagKeyDamaged where a version above the newest is only deleted, and could come back."""
        folder = self._key(1).removesuffix("1.json")
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=folder)
        for page in pages:
            for marker in page.get("DeleteMarkers", ()):
                match = _FILE.fullmatch(marker["Key"].removeprefix(folder))
                if match and int(match[1]) > newest and marker["IsLatest"]:
                    raise TagKeyDamaged(
                        f"{self._url(int(match[1]))} was deleted, and tags are sealed with it; restore it "
                        f"with: aws s3api delete-object --bucket {self._bucket} --key {marker['Key']} "
                        f"--version-id {marker['VersionId']}"
                    )

    def _gone(self) -> TagKeyDamaged:
        return TagKeyDamaged(
            f"{self._url(1)} is gone, with all its versions, and earlier sessions have sealed tags with it; "
            f"put it back from a copy of the repository, or make a new key, which opens none of those tags: "
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
                f"{url}: KMS does not unwrap it for deployment {self.deployment}; {restore}"
            ) from error
        if len(answer["Plaintext"]) != KEY_BYTES:
            raise TagKeyDamaged(f"{url}: the key has not {KEY_BYTES} bytes; {restore}")
        return TagKey(version=version, secret=answer["Plaintext"])

    def _url(self, version: int) -> str:
        return f"s3://{self._bucket}/{self._key(version)}"

    def _key(self, version: int) -> str:
        return f"{place_of(self.repository)[1]}tag-keys/{version}.json"

    @property
    def _bucket(self) -> str:
        return place_of(self.repository)[0]
