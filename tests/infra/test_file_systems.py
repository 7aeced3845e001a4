"""Few file systems are named one by one; for many, the grant is a pattern with a reason."""

from __future__ import annotations

import dataclasses

from infra.file_systems import EVERY, MOST_NAMED, on_file_systems
from infra.names import Names
from infra.worker_roles import at_site
from tidemark.policy.policy import Policy
from tidemark.policy.selection import Selection, Selector

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


def test_what_policies_select_when_they_run_is_a_pattern_with_its_own_reason() -> None:
    [grant] = on_file_systems(NAMES, [*ids(1), EVERY], "ClientMount")
    [arn] = grant.resources
    assert arn.endswith(":file-system/*")
    assert "select" in (grant.why_pattern or "")


def test_a_selection_covers_the_file_systems_of_its_places_only() -> None:
    policy = Policy(
        name="any",
        region="eu-central-1",
        file_systems=("fs-01", "eu-west-1/fs-02"),
        selection=Selection(any_of=(Selector(places=("eu-west-1/", "1/us-east-1/")),)),
        vault="wine",
        keep_days=5,
    )
    assert at_site([policy]) == ["fs-01"]
    assert at_site([policy], "eu-west-1/") == [EVERY, "fs-02"]
    assert at_site([policy], "1/us-east-1/") == [EVERY]
    tagged = dataclasses.replace(policy, selection=Selection(exclude_tags=(("backup", ("never",)),)))
    assert at_site([tagged]) == [EVERY, "fs-01"]  # its tags may exclude it
