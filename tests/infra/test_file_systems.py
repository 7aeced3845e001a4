"""Few file systems are named one by one; many are a pattern with its reason."""

from __future__ import annotations

from infra.file_systems import MOST_NAMED, on_file_systems
from infra.names import Names

NAMES = Names(deployment="cellar", region="eu-central-1")


def ids(count: int) -> list[str]:
    return [f"fs-{number:017x}" for number in range(count)]


def test_as_many_as_fit_into_a_role_are_named() -> None:
    [grant] = on_file_systems(NAMES, ids(MOST_NAMED), "ClientMount")
    assert grant.actions == ("elasticfilesystem:ClientMount",)
    assert [arn.rpartition("/")[2] for arn in grant.resources] == ids(MOST_NAMED)
    assert grant.why_pattern is None


def test_more_are_those_of_the_account_and_region_for_a_reason() -> None:
    [grant] = on_file_systems(NAMES, ids(MOST_NAMED + 1), "ClientMount")
    [arn] = grant.resources
    assert arn.endswith(":file-system/*")
    assert ":elasticfilesystem:eu-central-1:" in arn
    assert grant.why_pattern


def test_no_file_systems_need_no_grant() -> None:
    assert on_file_systems(NAMES, [], "ClientMount") == []
