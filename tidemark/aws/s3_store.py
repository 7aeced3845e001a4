"""A repository in S3: `s3://bucket/prefix`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of, is_taken, translated
from tidemark.errors import ConfigurationError
from tidemark.index.storage.object_store import ObjectExists, ObjectMissing, Store, file_store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")


class S3Store:
    """Objects below a prefix of one bucket, with the bucket's default encryption."""

    at_once = 16  # the first byte takes tens of milliseconds, regardless of concurrent requests

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client, self._bucket = client, bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.url = f"s3://{bucket}/{self._prefix}".rstrip("/")

    def put(self, key: str, body: bytes | memoryview, *, only_if_absent: bool = False) -> None:
        """Write an object atomically."""
        condition = {"IfNoneMatch": "*"} if only_if_absent else {}
        with translated():
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + key,
                    Body=bytes(body),
                    **condition,  # type: ignore[arg-type]  # the stubs want each keyword written out
                )
            except ClientError as error:
                if is_taken(error):
                    raise ObjectExists(key) from error
                self._explain_missing_bucket(error)
                raise

    def get(self, key: str) -> bytes:
        """Return a whole object."""
        return self._get(key, None)

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a byte range of an object."""
        return self._get(key, f"bytes={offset}-{offset + length - 1}") if length > 0 else b""

    def discard(self, key: str) -> None:
        """Replace an object with an empty one, because a worker may not delete. Its old version expires."""
        self.put(key, b"")

    def list_keys(self, prefix: str) -> list[str]:
        """Return the keys of all objects below a prefix."""
        with translated():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            return [found["Key"][len(self._prefix) :] for page in pages for found in page.get("Contents", [])]

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Return the names directly below a prefix that have objects below them."""
        whole = self._prefix + prefix
        with translated():
            try:
                pages = self._client.get_paginator("list_objects_v2").paginate(
                    Bucket=self._bucket, Prefix=whole, Delimiter="/"
                )
                names = [
                    folder["Prefix"][len(whole) : -1]
                    for page in pages
                    for folder in page.get("CommonPrefixes", [])
                ]
            except ClientError as error:
                self._explain_missing_bucket(error)
                raise
        yield from sorted(names)

    def _get(self, key: str, byte_range: str | None) -> bytes:
        wanted = {} if byte_range is None else {"Range": byte_range}
        with translated():
            try:
                answer = self._client.get_object(
                    Bucket=self._bucket,
                    Key=self._prefix + key,
                    **wanted,  # type: ignore[arg-type]  # the stubs want each keyword written out
                )
                return answer["Body"].read()
            except ClientError as error:
                if code_of(error) == "NoSuchKey" or (
                    code_of(error) == "AccessDenied" and self._is_absent(key)
                ):
                    raise ObjectMissing(key) from error
                if code_of(error) == "InvalidRange":  # the range begins after the object's end
                    return b""
                self._explain_missing_bucket(error)
                raise

    def _is_absent(self, key: str) -> bool:
        """Return whether a key with AccessDenied does not exist.

        For a role with ListBucket limited to a prefix, such as a worker's, S3 may return AccessDenied instead
        of NoSuchKey, because the request has no prefix. Source: GetObject, permissions.
        """
        try:
            answer = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix + key, MaxKeys=1)
        except ClientError:
            return False
        return all(found["Key"] != self._prefix + key for found in answer.get("Contents", []))

    def _explain_missing_bucket(self, error: ClientError) -> None:
        if code_of(error) == "NoSuchBucket":
            raise ConfigurationError(
                f"the repository's bucket {self._bucket} does not exist; deploy again, or correct its URL"
            ) from error


def open_store(url: str, client: S3Client) -> Store:
    """Return the store for a repository's URL, `s3://bucket/prefix` or `file:///path`.

    Sends no request. Raises ConfigurationError for any other URL.
    """
    if found := _URL.fullmatch(url):
        return S3Store(client, found["bucket"], found["prefix"] or "")
    return file_store(url)
