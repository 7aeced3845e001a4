"""Selections, compared with a second reading of their rules, one file system and policy at a time."""

from __future__ import annotations

import fnmatch
import json

from hypothesis import given
from hypothesis import strategies as st

from tidemark.policy.selection import Claim, FoundFileSystem, Selection, Selector, has_tags, resolve

PLACES = ("", "eu-west-1/", "111122223333/eu-west-1/")
IDS = [f"{place}fs-0000000{number}" for place in PLACES for number in range(4)]
KEYS, VALUES = ("backup", "team"), ("daily", "da*ly", "never", "*", "[x]", "")

patterns = st.dictionaries(
    st.sampled_from(KEYS), st.lists(st.sampled_from(VALUES), min_size=1, max_size=2, unique=True)
).map(lambda found: tuple((key, tuple(values)) for key, values in found.items()))
selectors = st.builds(
    Selector, places=st.lists(st.sampled_from(PLACES), min_size=1, unique=True).map(tuple), tags=patterns
)
selections = st.builds(
    Selection,
    any_of=st.lists(selectors, max_size=2).map(tuple),
    exclude=st.lists(st.sampled_from(IDS), max_size=2).map(tuple),
    exclude_tags=patterns,
)
worlds = st.dictionaries(
    st.sampled_from(IDS), st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
)


@st.composite
def claims(draw: st.DrawFn) -> list[Claim]:
    number = draw(st.integers(1, 4))
    priorities = draw(st.permutations(range(number)))
    return [
        Claim(
            policy=f"policy-{each}",
            named=tuple(draw(st.lists(st.sampled_from(IDS), max_size=3, unique=True))),
            selection=Selection.from_fields({**draw(selections).to_fields(), "priority": priorities[each]}),
        )
        for each in range(number)
    ]


def wildcard(value: str, pattern: str) -> bool:
    """Match by `fnmatch`, in which `[` must be escaped."""
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def tagged(tags: dict[str, str], pattern: tuple[str, tuple[str, ...]]) -> bool:
    return any(key == pattern[0] and wildcard(tags[key], each) for key in tags for each in pattern[1])


def includes(claim: Claim, others: list[Claim], name: str, world: dict[str, dict[str, str]]) -> bool:
    """Return whether a run of the policy includes the file system, by the rules read one by one."""

    def excluded(by: Claim) -> bool:
        listed = name in by.selection.exclude
        return listed or any(tagged(world.get(name, {}), each) for each in by.selection.exclude_tags)

    def selected(by: Claim) -> bool:
        place = name[: -len("fs-00000000")]
        return name in world and any(
            place in each.places and all(tagged(world[name], pattern) for pattern in each.tags)
            for each in by.selection.any_of
        )

    if excluded(claim):
        return False
    if name in claim.named:
        return True
    if not selected(claim):
        return False
    rivals = [each for each in others if each is not claim and not excluded(each)]
    return not any(
        name in each.named or (selected(each) and each.selection.priority < claim.selection.priority)
        for each in rivals
    )


@given(claims(), worlds)
def test_each_policy_includes_what_the_rules_say(policies, world):
    scopes = resolve(policies, [FoundFileSystem(name, tags) for name, tags in world.items()])
    for claim in policies:
        expected = [name for name in IDS if includes(claim, policies, name, world)]
        assert list(scopes[claim.policy].file_systems) == sorted(expected)


@given(claims(), worlds)
def test_every_file_system_that_is_not_included_has_a_reason(policies, world):
    existing = [FoundFileSystem(name, tags) for name, tags in world.items()]
    scopes = resolve(policies, existing)
    for claim in policies:
        scope = scopes[claim.policy]
        wanted = {each.name for each in existing if any(one.selects(each) for one in claim.selection.any_of)}
        left = dict(scope.left_to)
        assert wanted | set(claim.named) == {*scope.file_systems, *scope.excluded, *left}
        for name, other in left.items():
            assert name in scopes[other].file_systems


@given(selections)
def test_a_selection_survives_json(selection):
    assert Selection.from_fields(json.loads(json.dumps(selection.to_fields()))) == selection


def test_tags_are_compared_with_case_and_only_a_star_is_special():
    assert has_tags({"Backup": "daily"}, (("Backup", ("d*",)),))
    assert not has_tags({"backup": "daily"}, (("Backup", ("daily",)),))
    assert not has_tags({"Backup": "Daily"}, (("Backup", ("daily",)),))
    assert not has_tags({"Backup": "daily"}, (("Backup", ("d?ily",)),))
    assert has_tags({"Backup": "a\nb"}, (("Backup", ("*",)),))
