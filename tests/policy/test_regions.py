from __future__ import annotations

import pytest
from botocore.session import get_session

from tidemark.aws.regions import sdk_regions

REGIONS = sdk_regions()


def test_every_region_of_the_sdk_is_accepted() -> None:
    assert {"eu-central-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1"} <= REGIONS.known
    assert [region for region in REGIONS.known if REGIONS.problem(region)] == []


@pytest.mark.parametrize("known", sorted(REGIONS.known))
def test_a_region_that_is_newer_than_the_sdk_is_accepted(known: str) -> None:
    """Simulates an older SDK: every existing Region is accepted even if the SDK does not list it."""
    older = type(REGIONS)(known=REGIONS.known - {known}, forms=REGIONS.forms)
    assert older.problem(known) is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("eu-centrl-1", "eu-central-1"),
        ("eu-wset-1", "eu-west-1"),
        ("us-eastt-1", "us-east-1"),
        ("uss-east-1", "us-east-1"),
        ("ap-southest-1", "ap-southeast-1"),
        ("us-east-11", "us-east-1"),
        ("us-east-0", "us-east-1"),
        ("eu-west-01", "eu-west-1"),
        ("eu-central-12", "eu-central-1"),
        ("us-gov-wst-1", "us-gov-west-1"),
        ("cn-nroth-1", "cn-north-1"),
    ],
)
def test_a_typo_is_reported_with_the_most_similar_region(name: str, meant: str) -> None:
    assert f"{name} is not an AWS Region; did you mean {meant}?" in str(REGIONS.problem(name))


def test_a_text_similar_to_no_region_is_reported_with_an_example() -> None:
    assert "write one such as eu-central-1" in str(REGIONS.problem("atlantis-deep-1"))


@pytest.mark.parametrize("new", ["us-east-3", "eu-central-3", "mx-west-1", "sa-north-1", "cn-north-2"])
def test_a_region_that_may_exist_later_is_not_a_typo(new: str) -> None:
    assert new not in REGIONS.known
    assert REGIONS.problem(new) is None


@pytest.mark.parametrize("region", sorted(REGIONS.known))
def test_every_region_is_in_its_partition_of_the_sdk(region: str) -> None:
    assert REGIONS.partition(region) == get_session().get_partition_for_region(region)


def test_a_name_that_matches_no_partition_is_in_none() -> None:
    assert REGIONS.partition("atlantis") is None
