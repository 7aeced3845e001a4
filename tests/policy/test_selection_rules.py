"""`select`, `exclude` and `priority` in `tidemark.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.policy.test_site_rules import ID, SITES, configured, the_policy
from tidemark.errors import ConfigurationError
from tidemark.policy.policy import Policy
from tidemark.policy.selection import Selection, Selector

EVERYWHERE = ("", "eu-west-1/", "111111111111/us-east-1/", "111111111111/eu-west-1/")


@pytest.mark.parametrize(
    ("select", "selectors"),
    [
        ("[{}]", [Selector(places=EVERYWHERE)]),
        ("[{accounts: [home]}]", [Selector(places=EVERYWHERE[:2])]),
        ("[{regions: [eu-west-1]}]", [Selector(places=EVERYWHERE[1::2])]),
        (
            "[{tags: {a: b, c: [d, e*]}, accounts: [production]}, {regions: [us-east-1]}]",
            [
                Selector(places=EVERYWHERE[2:], tags=(("a", ("b",)), ("c", ("d", "e*")))),
                Selector(places=EVERYWHERE[2:3]),
            ],
        ),
    ],
)
def test_selectors_have_the_places_of_their_accounts_and_regions(
    tmp_path: Path, select: str, selectors: list[Selector]
) -> None:
    policy = the_policy(tmp_path, f"    select: {select}\n")
    assert policy.selection is not None
    assert list(policy.selection.any_of) == selectors
    assert Policy.from_json(policy.to_json()) == policy


def test_exclusions_have_stored_names(tmp_path: Path) -> None:
    policy = the_policy(
        tmp_path,
        "    select: [{}]\n"
        f"    exclude: {{file_systems: [production/us-east-1/{ID}], tags: {{backup: never}}}}\n",
    )
    assert policy.selection == Selection(
        any_of=(Selector(places=EVERYWHERE),),
        exclude=(f"111111111111/us-east-1/{ID}",),
        exclude_tags=(("backup", ("never",)),),
    )


def test_policies_without_a_priority_follow_the_others_in_their_order(tmp_path: Path) -> None:
    more = "".join(
        f"  {name}:\n    keep: 9 days\n    select: [{{}}]\n    {priority}\n"
        for name, priority in (("b", ""), ("c", "priority: 7"), ("d", "priority: 3"))
    )
    found = configured(tmp_path, f"    select: [{{}}]\n{more}").policies
    ranks = {each.name: each.selection.priority for each in found if each.selection is not None}
    assert sorted(ranks, key=ranks.__getitem__) == ["d", "c", "nightly", "b"]


def test_a_policy_that_only_names_file_systems_is_stored_as_before(tmp_path: Path) -> None:
    policy = the_policy(tmp_path, f"    file_systems: [{ID}]\n    priority: 4\n")
    assert "selection" not in policy.to_json()


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ("    index: false\n", "the policy has no file systems; add file_systems with ids, or select"),
        ("    select: []\n", "the policy has no file systems"),
        ("    select: [{accounts: [other]}]\n", "no account other; write one of home, production"),
        ("    select: [{regions: [eu-north-1]}]\n", "no account has the Region eu-north-1"),
        ("    select: [{accounts: [home], regions: [us-east-1]}]\n", "no account has any of these Regions"),
        ("    select: [{tag: {a: b}}]\n", "tag"),
        ("    select: [{tags: {a: 1}}]\n", "tags"),
        ("    select: [{}]\n    exclude: {file_systems: [us-east-1/fs-01234567]}\n", "not a place of this"),
        (
            "    select: [{}]\n    restore_testing: {schedule: {cron: 0 4 ? * SUN *}}\n",
            "restore testing needs file systems that are named",
        ),
        (
            "    select: [{}]\n    drill: {schedule: {cron: 0 4 ? * SUN *}}\n",
            "is not in the account and Region of the deployment",
        ),
        (
            "    select: [{}]\n    priority: 2\n  b:\n    keep: 9 days\n    select: [{}]\n    priority: 2\n",
            "nightly has priority 2, too",
        ),
        ("    select: [{}]\n    priority: 0\n", "priority"),
    ],
)
def test_mistakes_are_refused_with_the_fix(tmp_path: Path, policy: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configured(tmp_path, policy, SITES)
    assert problem in str(caught.value)
