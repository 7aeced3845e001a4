"""tidemark tag-key rotate"""

from __future__ import annotations

import dataclasses

import pytest

from tests.aws.account import REGION
from tidemark.aws.tag_keys import TagKeys
from tidemark.errors import AwsUnreachable
from tidemark.policy.policy import resources_parameter


@pytest.fixture
def keys(deployment) -> TagKeys:
    """The deployment's data keys, with an existing KMS key."""
    aws = deployment.clients
    arn = aws.of("kms", REGION).create_key()["KeyMetadata"]["Arn"]
    resources = dataclasses.replace(deployment.resources, tag_key=arn)
    aws.of("ssm").put_parameter(
        Name=resources_parameter("tidemark"), Value=resources.to_json(), Overwrite=True
    )
    return TagKeys(
        s3=aws.of("s3", REGION),
        kms=aws.of("kms", REGION),
        repository=resources.repository,
        kms_key=arn,
        deployment="tidemark",
    )


def test_a_new_key_encrypts_and_the_old_ones_still_decrypt(tidemark, keys):
    first = keys.current()
    result = tidemark("tag-key", "rotate", "--json")
    assert result.code == 0, result.err
    assert result.document == {"version": 2, "versions": [1, 2]}
    assert keys.current().version == 2
    assert keys.current().secret != first.secret
    named = {"tidemark:1:1:x": ""}
    assert keys.needed_by(named) == {1: first.secret}


def test_it_reports_the_older_versions(tidemark, keys):
    assert "version 1; 0 older versions can still decrypt" in tidemark("tag-key", "rotate").out
    assert "version 2; 1 older version can still decrypt" in tidemark("tag-key", "rotate").out


def test_an_unavailable_repository_fails_the_rotation(tidemark, keys, monkeypatch):
    def silent(_keys: TagKeys) -> None:
        raise AwsUnreachable("no response")

    monkeypatch.setattr(TagKeys, "rotate", silent)
    assert tidemark("tag-key", "rotate").code == AwsUnreachable.exit_code
    assert keys.versions() == []
