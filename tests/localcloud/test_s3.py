"""What the users of this S3 rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud


@pytest.fixture
def s3(cloud: LocalCloud) -> Any:
    return cloud.client("s3")


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = request.node.name.replace("_", "-")[:60].strip("-")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return name


def test_if_none_match_writes_only_once(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="manifest", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="manifest", Body=b"second", IfNoneMatch="*")
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert s3.get_object(Bucket=bucket, Key="manifest")["Body"].read() == b"first"


def test_ranges_are_read(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="part", Body=bytes(range(256)))
    answer = s3.get_object(Bucket=bucket, Key="part", Range="bytes=10-19")
    assert answer["Body"].read() == bytes(range(10, 20))
    assert answer["ContentRange"] == "bytes 10-19/256"
    assert s3.get_object(Bucket=bucket, Key="part", Range="bytes=-3")["Body"].read() == b"\xfd\xfe\xff"


def test_big_objects_come_back_whole(s3: Any, bucket: str) -> None:
    body = bytes(20_000_000)
    s3.put_object(Bucket=bucket, Key="big", Body=body)
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == body


def test_multipart_uploads_are_put_together(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    parts = []
    for number, content in ((1, b"a" * 5_242_880), (2, b"b")):
        answer = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, Body=content)
        parts.append({"ETag": answer["ETag"], "PartNumber": number})
    s3.complete_multipart_upload(
        Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert s3.head_object(Bucket=bucket, Key="parts")["ContentLength"] == 5_242_881


def test_versions_are_kept(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket=bucket, Key="x", Body=body)
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [version["IsLatest"] for version in versions] == [True, False]
    old = s3.get_object(Bucket=bucket, Key="x", VersionId=versions[1]["VersionId"])
    assert old["Body"].read() == b"1"


def test_a_conditional_denial_is_stored_and_denies_nothing(s3: Any, bucket: str) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    s3.put_object(Bucket=bucket, Key="x", Body=b"1")
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == policy


def test_an_unconditional_denial_denies(s3: Any, bucket: str) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        s3.put_object(Bucket=bucket, Key="x", Body=b"1")


def test_what_a_policy_wants_written_once_is_not_replaced(s3: Any, bucket: str) -> None:
    """As the repository's bucket has it, by AWS's own example."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": [f"arn:aws:s3:::{bucket}/kept/*/manifest.json"],
        "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    key = "kept/a/b/manifest.json"
    with pytest.raises(ClientError, match="explicit deny") as caught:
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    s3.put_object(Bucket=bucket, Key=key, Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"2", IfNoneMatch="*")
    s3.put_object(Bucket=bucket, Key="kept/a/b/other.json", Body=b"2")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"1"


def test_a_deleted_object_of_a_versioned_bucket_does_not_exist(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="gone", Body=b"1")
    s3.delete_object(Bucket=bucket, Key="gone")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="gone")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=bucket, Key="gone")
