"""The data keys of the tags, on moto's S3 and KMS."""

from __future__ import annotations

import json

import boto3
import pytest
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
        kms = boto3.client("kms", region_name="eu-central-1")
        arn = kms.create_key()["KeyMetadata"]["Arn"]
        yield TagKeys(s3=s3, kms=kms, repository=request.param, kms_key=arn, deployment="tidemark")


def test_the_first_use_makes_the_first_key_and_everybody_gets_the_same(keys):
    assert keys.all() == {}
    first = keys.current()
    assert first.version == 1
    assert len(first.secret) == 64
    assert keys.current() == first
    assert keys.all() == {1: first.secret}


def test_two_first_users_agree_when_both_find_no_key(keys):
    winner = keys.current()
    loser = keys._make(1)  # has listed before the winner wrote
    assert loser == winner


def test_after_a_rotation_the_newest_seals_and_all_open(keys):
    first = keys.current()
    for _ in range(9):
        newest = keys.rotate()
    assert newest.version == 10
    assert keys.current() == newest
    assert sorted(keys.all()) == list(range(1, 11))
    assert keys.all()[1] == first.secret


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
        keys.all()


def test_other_files_beside_the_keys_are_ignored(keys):
    store(keys, "README", b"")
    store(keys, "01", b"")
    assert keys.current().version == 1


def stored(keys, version) -> bytes:
    return keys.s3.get_object(Bucket="repository", Key=keys._key(version))["Body"].read()


def store(keys, version, body) -> None:
    keys.s3.put_object(Bucket="repository", Key=keys._key(version), Body=body)
