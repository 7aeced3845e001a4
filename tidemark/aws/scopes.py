"""Resolves which file systems a policy includes now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tidemark.errors import SiteNotAccessible, SiteNotDeployed
from tidemark.policy.policy import Policy
from tidemark.policy.selection import Claim, FoundFileSystem, Scope, Selection, place_of, resolve
from tidemark.sessions.scopes import RecordedScope

_MOST_LISTED = 20
# Lists the file systems of a place, which precedes their ids in stored policies.
ListAt = Callable[[str], Iterable[FoundFileSystem]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The scope of a policy, and the places whose file systems could not be listed."""

    scope: Scope
    unlisted: dict[str, str]  # place -> why


def resolve_scope(
    policy: Policy, policies: Sequence[Policy], list_at: ListAt, remembered: Iterable[str]
) -> Resolved:
    """Return the scope of a policy that has a selection.

    `policies` are all policies of the deployment, including it. If a place cannot be listed, its
    file systems are those of `remembered`, so that their sessions report the cause.
    """
    selection = policy.selection or Selection()
    existing: list[FoundFileSystem] = []
    unlisted: dict[str, str] = {}
    for place in policy.listed_places:
        try:
            existing += list_at(place)
        except (SiteNotAccessible, SiteNotDeployed) as error:
            unlisted[place] = str(error)
    scope = resolve([_claim(each) for each in policies], existing)[policy.name]
    kept = {name for name in remembered if place_of(name) in unlisted and name not in selection.exclude}
    if kept:
        names = tuple(sorted(kept.union(scope.file_systems)))
        scope = Scope(file_systems=names, excluded=scope.excluded, left_to=scope.left_to)
    return Resolved(scope=scope, unlisted=unlisted)


def scope_lines(changed: RecordedScope, unlisted: Mapping[str, str]) -> tuple[str, ...]:
    """Return what has changed in the scope of a run, in sentences; empty if nothing has."""
    lines = [
        f"{name} is new: the policy includes it from now on." for name in changed.appeared[:_MOST_LISTED]
    ]
    lines += [
        f"{name} is no longer included: it was deleted, its tags have changed, or another policy includes "
        f"it. Its backups are kept until their retention ends."
        for name in changed.vanished[:_MOST_LISTED]
    ]
    for kind, names in (("new", changed.appeared), ("no longer included", changed.vanished)):
        if len(names) > _MOST_LISTED:
            lines.append(f"{len(names) - _MOST_LISTED:,} further file systems are {kind}.")
    lines += [
        f"The file systems of {place.strip('/') or 'the home Region'} could not be listed, so only those of "
        f"the run before are included: {why}."
        for place, why in unlisted.items()
    ]
    return tuple(lines)


def _claim(policy: Policy) -> Claim:
    return Claim(policy=policy.name, named=policy.file_systems, selection=policy.selection or Selection())
