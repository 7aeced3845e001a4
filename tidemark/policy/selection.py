"""Which file systems a policy selects by tags or by place, besides those that it names.

A selection is resolved when the policy runs. Rules, in this order:

1. An excluded file system is in no run of the policy, even if the policy names it.
2. A policy always includes the file systems that it names.
3. No policy selects a file system that another policy names.
4. Among policies that select a file system, the one with the lowest `priority` includes it.

Imports only the standard library, like `policy.py`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

# Conditions on tags: key -> patterns of values, of which one must match. `*` stands for any text.
TagPatterns = tuple[tuple[str, tuple[str, ...]], ...]
ANYWHERE = "all"  # stands for all accounts, or for all their Regions


@dataclasses.dataclass(frozen=True, slots=True)
class FoundFileSystem:
    """A file system that exists."""

    name: str  # as in a stored policy
    tags: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Conditions that a file system must all meet."""

    places: tuple[str, ...]  # prefixes of names: `` for the home site, `<Region>/`, `<account>/<Region>/`
    tags: TagPatterns = ()  # none: all file systems of the places

    def selects(self, file_system: FoundFileSystem) -> bool:
        """Return whether the file system meets all conditions."""
        return place_of(file_system.name) in self.places and has_tags(file_system.tags, self.tags)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a policy selects and excludes."""

    any_of: tuple[Selector, ...] = ()
    exclude: tuple[str, ...] = ()  # names as in a stored policy
    exclude_tags: TagPatterns = ()  # excludes a file system with any of these
    priority: int = 0  # lower is first; unique among the policies of a deployment

    @property
    def places(self) -> tuple[str, ...]:
        """The prefixes of the names of all file systems that may be selected."""
        return tuple(dict.fromkeys(place for each in self.any_of for place in each.places))

    def excludes(self, file_system: FoundFileSystem) -> bool:
        """Return whether no run of the policy includes the file system."""
        return file_system.name in self.exclude or any(
            has_tags(file_system.tags, (pattern,)) for pattern in self.exclude_tags
        )

    def admits(self, file_system_id: str, tags: Mapping[str, str], *, named: bool) -> bool:
        """Return whether a run may include a file system of one of the selection's places.

        `named` is whether the policy names it. What other policies include is not considered.
        """
        if any(name.rpartition("/")[2] == file_system_id for name in self.exclude):
            return False
        if any(has_tags(tags, (pattern,)) for pattern in self.exclude_tags):
            return False
        return named or any(has_tags(tags, each.tags) for each in self.any_of)

    def to_fields(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Return the selection of `to_fields`, after JSON; ignores unknown fields."""
        return cls(
            any_of=tuple(
                Selector(places=tuple(each["places"]), tags=_patterns(each.get("tags", ())))
                for each in fields.get("any_of", ())
            ),
            exclude=tuple(fields.get("exclude", ())),
            exclude_tags=_patterns(fields.get("exclude_tags", ())),
            priority=fields.get("priority", 0),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one policy asks for."""

    policy: str
    named: tuple[str, ...]  # file systems
    selection: Selection = Selection()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The file systems of a policy's run, and why others are not among them. All are sorted by name."""

    file_systems: tuple[str, ...]
    excluded: tuple[str, ...] = ()  # that the policy names or selects
    left_to: tuple[tuple[str, str], ...] = ()  # selected file systems, and the policy that includes each


def resolve(claims: Sequence[Claim], existing: Iterable[FoundFileSystem]) -> dict[str, Scope]:
    """Return the scope of each policy by its name.

    File systems that a policy names but that do not exist stay in its scope, so that their sessions report
    them. Two policies may name the same file system; both include it.
    """
    found = {each.name: each for each in existing}
    names: dict[str, set[str]] = {}  # without those excluded
    excluded: dict[str, set[str]] = {}
    for claim in claims:
        listed = [found.get(name, FoundFileSystem(name, {})) for name in claim.named]
        excluded[claim.policy] = {each.name for each in listed if claim.selection.excludes(each)}
        names[claim.policy] = {each.name for each in listed} - excluded[claim.policy]
    owner = {name: claim.policy for claim in reversed(claims) for name in names[claim.policy]}
    selected: dict[str, set[str]] = {}
    for claim in sorted(claims, key=lambda each: each.selection.priority):
        wanted = [
            each
            for each in found.values()
            if any(selector.selects(each) for selector in claim.selection.any_of)
        ]
        barred = {each.name for each in wanted if claim.selection.excludes(each)}
        excluded[claim.policy] |= barred
        selected[claim.policy] = {each.name for each in wanted} - barred
        for name in selected[claim.policy]:
            owner.setdefault(name, claim.policy)
    return {
        claim.policy: Scope(
            file_systems=tuple(
                sorted(
                    names[claim.policy]
                    | {name for name in selected[claim.policy] if owner[name] == claim.policy}
                )
            ),
            excluded=tuple(sorted(excluded[claim.policy])),
            left_to=tuple(
                (name, owner[name])
                for name in sorted(selected[claim.policy] - names[claim.policy])
                if owner[name] != claim.policy
            ),
        )
        for claim in claims
    }


def place_of(name: str) -> str:
    """Return the prefix of a file system's name in a stored policy, with a slash at its end; `` at home."""
    place, slash, _ = name.rpartition("/")
    return f"{place}{slash}"


def has_tags(tags: Mapping[str, str], patterns: TagPatterns) -> bool:
    """Return whether each key has a value that matches one of its patterns. Case matters, as in AWS."""
    return all(
        key in tags and any(_matches(tags[key], pattern) for pattern in values) for key, values in patterns
    )


def _matches(value: str, pattern: str) -> bool:
    # Only `*` is special: `[` and `?` are characters of tags. Source: AWS tags, permitted characters.
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value, re.DOTALL) is not None


def _patterns(fields: Iterable[Sequence[Any]]) -> TagPatterns:
    return tuple((key, tuple(values)) for key, values in fields)
