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


def test_the_first_use_makes_the_first_key_and_everybody_gets_the_same(keys):
    assert keys.needed_by(named(1)) == {}
    first = keys.current()
    assert first.version == 1
    assert len(first.secret) == 64
    assert keys.current() == first
    assert keys.needed_by(named(1)) == {1: first.secret}


def test_two_first_users_agree_when_both_find_no_key(keys):
    winner = keys.current()
    loser = keys._make(1)  # has listed before the winner wrote
    assert loser == winner


def refuse(keys, operation):
    """Have S3 refuse an operation with AccessDenied from now on."""

    def refused(**_):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

    keys.s3.meta.events.register_first(f"before-call.s3.{operation}", refused)


def test_a_key_that_may_not_be_written_is_not_taken_for_one_that_is_there(keys):
    refuse(keys, "PutObject")
    with pytest.raises(ClientError, match="AccessDenied"):
        keys.current()


def test_a_key_that_may_not_be_read_is_no_missing_key(keys):
    """S3 answers AccessDenied for both where ListBucket is limited to a prefix."""
    keys.current()
    refuse(keys, "GetObject")
    assert keys.needed_by(named(2)) == {}
    with pytest.raises(ClientError, match="AccessDenied"):
        keys.needed_by(named(1))


def test_after_a_rotation_the_newest_seals_and_all_open(keys):
    first = keys.current()
    for _ in range(9):
        newest = keys.rotate()
    assert newest.version == 10
    assert keys.current() == newest
    every = range(1, 11)
    assert sorted(keys.needed_by(named(*every))) == [*every]
    assert keys.needed_by(named(1, 11)) == {1: first.secret}


def test_the_data_key_is_not_in_the_repository_in_plain(keys):
    secret = keys.current().secret
    body = stored(keys, 1)
    assert secret not in body
    assert json.loads(body)["encryption_context"] == {
        "tidemark:deployment": "tidemark",
        "tidemark:purpose": "recovery-point-tags",
        "tidemark:version": "1",
    }


def test_a_key_put_in_the_place_of_another_version_is_refused(keys):
    keys.current()
    keys.rotate()
    store(keys, 2, stored(keys, 1))
    with pytest.raises(TagKeyDamaged, match=r"tag-keys/2\.json.*restore"):
        keys.current()


def test_a_key_that_is_not_json_is_named_with_the_way_out(keys):
    keys.current()
    store(keys, 1, b"{")
    with pytest.raises(TagKeyDamaged, match=r"tag-keys/1\.json.*restore"):
        keys.needed_by(named(1))


def test_a_damaged_key_keeps_no_other_from_opening(keys):
    keys.current()
    newest = keys.rotate()
    store(keys, 1, b"{")
    assert keys.needed_by(named(2)) == {2: newest.secret}
    assert keys.current() == newest


@pytest.mark.parametrize("deleted", [1, 2])
def test_a_deleted_key_is_not_made_again(keys, deleted):
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


def test_an_older_key_that_was_deleted_keeps_nobody_from_sealing(keys):
    keys.current()
    newest = keys.rotate()
    keys.s3.delete_object(Bucket="repository", Key=keys._key(1))
    assert keys.current() == newest
    assert keys.needed_by(named(1)) == {}


def test_a_key_that_is_gone_with_all_its_versions_is_not_made_again_where_there_were_sessions(keys):
    with pytest.raises(TagKeyDamaged, match=r"tag-keys/1\.json is missing.*tag-key rotate"):
        keys.current(lambda: True)
    keys.rotate()
    assert keys.current(lambda: True).version == 1


def test_a_history_that_was_made_meanwhile_has_made_the_key_as_well(keys):
    def made_meanwhile() -> bool:
        keys.rotate()
        return True

    assert keys.current(made_meanwhile).version == 1


def test_other_files_beside_the_keys_are_ignored(keys):
    store(keys, "README", b"")
    store(keys, "01", b"")
    assert keys.current().version == 1


def named(*versions) -> dict[str, str]:
    return {f"tidemark:1:{version}:name": "" for version in versions}


def stored(keys, version) -> bytes:
    return keys.s3.get_object(Bucket="repository", Key=keys._key(version))["Body"].read()


def store(keys, version, body) -> None:
    keys.s3.put_object(Bucket="repository", Key=keys._key(version), Body=body)
