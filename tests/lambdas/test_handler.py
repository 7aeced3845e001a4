"""The resources of the deployment that every handler receives."""

from __future__ import annotations

from lambdas._handler import Deployment
from tests.aws.account import SETTINGS, the_clients


def test_tags_are_sealed_with_the_keys_of_the_deployment() -> None:
    tags = Deployment(SETTINGS, the_clients()).tags
    expected = (SETTINGS.deployment, SETTINGS.region, SETTINGS.repository, SETTINGS.tag_key)
    assert (tags.deployment, tags.region, tags.repository, tags.kms_key) == expected
    keys = tags.keys
    assert (keys.deployment, keys.repository, keys.kms_key) == (
        SETTINGS.deployment,
        SETTINGS.repository,
        SETTINGS.tag_key,
    )
