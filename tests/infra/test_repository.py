"""The repository's bucket is private, encrypted, versioned, and expires leftovers of dead workers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.template import Template, resources, text_of


@pytest.fixture
def bucket(main: Template) -> dict[str, Any]:
    (properties,) = resources(main, "AWS::S3::Bucket").values()
    return properties


def test_nothing_in_the_bucket_is_public(bucket: dict[str, Any]) -> None:
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_objects_are_encrypted_with_our_key_and_versioned(bucket: dict[str, Any]) -> None:
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["BucketKeyEnabled"] is True
    assert text_of(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]).startswith("<RepositoryKey")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_unfinished_uploads_and_old_versions_expire(bucket: dict[str, Any]) -> None:
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert rules["unfinished-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert rules["noncurrent-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rules["noncurrent-versions"]["Prefix"] == "some/where/indexes/"
    assert all("ExpirationInDays" not in rule for rule in rules.values()), (
        "a current index never expires here"
    )


def test_only_tls_reaches_the_bucket(main: Template) -> None:
    (policy,) = resources(main, "AWS::S3::BucketPolicy").values()
    denied = [entry for entry in policy["PolicyDocument"]["Statement"] if entry["Effect"] == "Deny"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [entry["Condition"] for entry in denied]


def test_the_bucket_is_named_after_deployment_account_and_region(bucket: dict[str, Any]) -> None:
    assert text_of(bucket["BucketName"]) == "cellar-repository-<AWS::AccountId>-eu-central-1"
