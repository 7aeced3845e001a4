"""Rules of `tidemark.yaml` about selections, and the values that follow from them."""

from __future__ import annotations

from collections.abc import Iterator

from tidemark.policy.models import ConfigurationFile, PolicyPart
from tidemark.policy.selection import Selection, Selector, TagPatterns
from tidemark.policy.selection_models import SelectPart, Tags
from tidemark.policy.site_rules import (
    Found,
    in_words,
    place_of,
    places,
    prefix_of,
    selected_places,
    stored_name,
)
from tidemark.policy.sites import HOME
from tidemark.policy.yaml_lines import KeyPath


def selection(file: ConfigurationFile, policy: str, part: PolicyPart) -> Selection | None:
    """Return what a policy selects and excludes; None for one that only names file systems."""
    if not part.select and part.exclude is None:
        return None
    exclude = part.exclude
    return Selection(
        any_of=tuple(
            Selector(
                places=tuple(prefix_of(file, place) for place in selected_places(file, each)),
                tags=_patterns(each.tags),
            )
            for each in part.select
        ),
        exclude=tuple(stored_name(file, name) for name in exclude.file_systems) if exclude else (),
        exclude_tags=_patterns(exclude.tags) if exclude else (),
        priority=_order(file).index(policy),
    )


def selection_problems(where: KeyPath, file: ConfigurationFile, policy: PolicyPart) -> Iterator[Found]:
    """Yield the problems of what a policy names, selects and excludes."""
    if not policy.file_systems and not policy.select:
        way_out = "add file_systems with ids, or select with tags"
        yield (*where, "file_systems"), f"the policy has no file systems; {way_out}"
    for number, each in enumerate(policy.select):
        yield from _selector_problems((*where, "select", number), file, each)
    for number, name in enumerate(policy.exclude.file_systems if policy.exclude else ()):
        if place_of(file, name) not in places(file):
            fact = f"{in_words(place_of(file, name))} is not a place of this deployment"
            yield (*where, "exclude", "file_systems", number), f"{fact}; correct the name, or remove it"
    if policy.select and policy.restore_testing is not None:
        way_out = "remove restore_testing, or move file systems to a policy that names them"
        yield (*where, "restore_testing"), f"restore testing needs file systems that are named; {way_out}"


def priority_problems(file: ConfigurationFile) -> Iterator[Found]:
    """Yield a problem for each priority that two policies have."""
    seen: dict[int, str] = {}
    for name, policy in file.policies.items():
        if policy.priority is None:
            continue
        if policy.priority in seen:
            fact = f"{seen[policy.priority]} has priority {policy.priority}, too"
            yield ("policies", name, "priority"), f"{fact}; give each policy its own"
        seen.setdefault(policy.priority, name)


def _selector_problems(where: KeyPath, file: ConfigurationFile, part: SelectPart) -> Iterator[Found]:
    known = places(file)
    if part.accounts != "all":
        for number, account in enumerate(part.accounts):
            if account != HOME and account not in file.accounts:
                names = ", ".join((HOME, *file.accounts))
                yield (*where, "accounts", number), f"there is no account {account}; write one of {names}"
    if part.regions != "all":
        for number, region in enumerate(part.regions):
            if region not in {each for _, each in known}:
                yield (*where, "regions", number), f"no account has the Region {region}; add it to regions"
    if not selected_places(file, part):
        yield where, "no account has any of these Regions; correct accounts or regions"


def _order(file: ConfigurationFile) -> list[str]:
    """Return the policies with a selection by priority; those without one last, in the file's order."""

    def rank(name: str) -> tuple[bool, int]:
        priority = file.policies[name].priority
        return priority is None, priority or 0

    selecting = [name for name, part in file.policies.items() if part.select or part.exclude is not None]
    return sorted(selecting, key=rank)


def _patterns(tags: Tags) -> TagPatterns:
    return tuple((key, tuple(values)) for key, values in tags.items())
