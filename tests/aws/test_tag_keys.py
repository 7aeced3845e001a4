"""The data keys of the tags, on moto's S3 and KMS."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tidemark.aws.tag_keys import TagKeys
from tidemark.errors import TagKeyDamaged


@pytest.fixture(params=["s3://repository", "s3://repository/some/prefix"])
def keys(request, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        s3 = boto3.client("s3", region_name="eu-central-1")
        s3.create_bucket(
            Bucket="repository", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        s3.put_bucket_versioning(Bucket="repository", VersioningConfiguration={"Status": "Enabled"})
        kms = boto3.client("kms", region_name="eu-central-1")
        arn = kms.create_key()["KeyMetadata"]["Arn"]
        yield TagKeys(s3=s3, kms=kms, repository=request.param, kms_key=arn, deployment="tidemark")


def test_the_first_use_creates_the_first_key_and_all_later_uses_return_it(keys):
    assert keys.needed_by(named(1)) == {}
    first = keys.current()
    assert first.version == 1
    assert len(first.secret) == 64
    assert keys.current() == first
    assert keys.needed_by(named(1)) == {1: first.secret}


def test_two_concurrent_first_uses_return_the_same_key(keys):
    winner = keys.current()
    loser = keys._make(1)  # has listed before the winner wrote
    assert loser == winner


def refuse(keys, operation):
    """Have S3 refuse an operation with AccessDenied from now on."""

    def refused(**_):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

    keys.s3.meta.events.register_first(f"before-call.s3.{operation}", refused)


def test_a_denied_write_of_a_key_is_not_treated_as_an_existing_key(keys):
    refuse(keys, "PutObject")
    with pytest.raises(ClientError, match="AccessDenied"):
        keys.current()


def test_a_denied_read_of_a_key_is_not_treated_as_a_missing_key(keys):
    """S3 answers AccessDenied for both where ListBucket is limited to a prefix."""
    keys.current()
    refuse(keys, "GetObject")
    assert keys.needed_by(named(2)) == {}
    with pytest.raises(ClientError, match="AccessDenied"):
        keys.needed_by(named(1))


def test_after_a_rotation_the_newest_key_encrypts_and_all_keys_decrypt(keys):
    first = keys.current()
    for _ in range(9):
        newest = keys.rotate()
    assert newest.version == 10
    assert keys.current() == newest
    every = range(1, 11)
    assert sorted(keys.needed_by(named(*every))) == [*every]
    assert keys.needed_by(named(1, 11)) == {1: first.secret}


def test_the_repository_does_not_contain_the_plain_data_key(keys):
    secret = keys.current().secret
    body = stored(keys, 1)
    assert secret not in body
    assert json.loads(body)["encryption_context"] == {
        "tidemark:deployment": "tidemark",
        "tidemark:purpose": "recovery-point-tags",
        "tidemark:version": "1",
    }


def test_a_key_stored_under_another_version_is_refused(keys):
    keys.current()
    keys.rotate()
    store(keys, 2, stored(keys, 1))
    with pytest.raises(TagKeyDamaged, match=r"tag-keys/2\.json.*restore"):
        keys.current()


def test_a_key_that_is_not_json_is_reported_with_the_fix(keys):
    keys.current()
    store(keys, 1, b"{")
    with pytest.raises(TagKeyDamaged, match=r"tag-keys/1\.json.*restore"):
        keys.needed_by(named(1))


def test_a_damaged_key_does_not_block_the_others(keys):
    keys.current()
    newest = keys.rotate()
    store(keys, 1, b"{")
    assert keys.needed_by(named(2)) == {2: newest.secret}
    assert keys.current() == newest


@pytest.mark.parametrize("deleted", [1, 2])
def test_a_deleted_key_is_not_created_again(keys, deleted):
    for _ in range(deleted):
        made = keys.rotate()
    keys.s3.delete_object(Bucket="repository", Key=keys._key(deleted))
    for use in (keys.current, keys.rotate):
        with pytest.raises(TagKeyDamaged, match=rf"tag-keys/{deleted}\.json was deleted") as caught:
            use()
    command = str(caught.value).rpartition("restore it with: aws s3api ")[2].split()
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert command[0] == "delete-object"
    keys.s3.delete_object(Bucket=options["--bucket"], Key=options["--key"], VersionId=options["--version-id"])
    assert keys.current() == made


def test_a_deleted_older_key_does_not_block_encryption(keys):
    keys.current()
    newest = keys.rotate()
    keys.s3.delete_object(Bucket="repository", Key=keys._key(1))
    assert keys.current() == newest
    assert keys.needed_by(named(1)) == {}


def test_a_key_deleted_with_all_versions_is_not_created_again_after_a_session(keys):
    with pytest.raises(TagKeyDamaged, match=r"tag-keys/1\.json is missing.*tag-key rotate"):
        keys.current(lambda: True)
    keys.rotate()
    assert keys.current(lambda: True).version == 1


def test_a_key_that_another_session_created_meanwhile_is_used(keys):
    def made_meanwhile() -> bool:
        keys.rotate()
        return True

    assert keys.current(made_meanwhile).version == 1


def test_other_files_next_to_the_keys_are_ignored(keys):
    store(keys, "README", b"")
    store(keys, "01", b"")
    assert keys.current().version == 1


def named(*versions) -> dict[str, str]:
    return {f"tidemark:1:{version}:name": "" for version in versions}


def stored(keys, version) -> bytes:
    return keys.s3.get_object(Bucket="repository", Key=keys._key(version))["Body"].read()


def store(keys, version, body) -> None:
    keys.s3.put_object(Bucket="repository", Key=keys._key(version), Body=body)
