from __future__ import annotations

import pytest
from botocore.session import get_session

from tidemark.aws.regions import sdk_regions

REGIONS = sdk_regions()


def test_every_region_that_the_sdk_knows_can_be_used() -> None:
    assert {"eu-central-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1"} <= REGIONS.known
    assert [region for region in REGIONS.known if REGIONS.problem(region)] == []


@pytest.mark.parametrize("known", sorted(REGIONS.known))
def test_one_that_is_newer_than_the_sdk_could_be_used_before_the_sdk_knew_it(known: str) -> None:
    """As if the SDK were older: every Region that there is passes without being known."""
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
def test_a_typo_is_reported_with_the_region_that_was_meant(name: str, meant: str) -> None:
    assert f"{name} is not an AWS Region; did you mean {meant}?" in str(REGIONS.problem(name))


def test_what_is_near_to_nothing_is_told_with_an_example() -> None:
    assert "write one such as eu-central-1" in str(REGIONS.problem("atlantis-deep-1"))


@pytest.mark.parametrize("new", ["us-east-3", "eu-central-3", "mx-west-1", "sa-north-1", "cn-north-2"])
def test_a_region_that_may_open_later_is_not_a_typo(new: str) -> None:
    assert new not in REGIONS.known
    assert REGIONS.problem(new) is None


@pytest.mark.parametrize("region", sorted(REGIONS.known))
def test_every_region_is_in_the_partition_that_the_sdk_gives_it(region: str) -> None:
    assert REGIONS.partition(region) == get_session().get_partition_for_region(region)


def test_a_name_that_fits_no_partition_is_in_none() -> None:
    assert REGIONS.partition("atlantis") is None
