"""Few file systems are named one by one; for many, the grant is a pattern with a reason."""

from __future__ import annotations

from infra.file_systems import MOST_NAMED, on_file_systems
from infra.names import Names

NAMES = Names(deployment="cellar", region="eu-central-1")


def ids(count: int) -> list[str]:
    return [f"fs-{number:017x}" for number in range(count)]


def test_file_systems_that_fit_into_a_role_are_named() -> None:
    [grant] = on_file_systems(NAMES, ids(MOST_NAMED), "ClientMount")
    assert grant.actions == ("elasticfilesystem:ClientMount",)
    assert [arn.rpartition("/")[2] for arn in grant.resources] == ids(MOST_NAMED)
    assert grant.why_pattern is None


def test_too_many_file_systems_are_a_pattern_of_account_and_region_with_a_reason() -> None:
    [grant] = on_file_systems(NAMES, ids(MOST_NAMED + 1), "ClientMount")
    [arn] = grant.resources
    assert arn.endswith(":file-system/*")
    assert ":elasticfilesystem:eu-central-1:" in arn
    assert grant.why_pattern


def test_without_file_systems_there_is_no_grant() -> None:
    assert on_file_systems(NAMES, [], "ClientMount") == []
