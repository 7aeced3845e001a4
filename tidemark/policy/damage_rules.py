"""The thresholds of the damage alarm in `tidemark.yaml`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tidemark.damage.settings import DamageSettings
from tidemark.policy.models import DamagePart, PolicyPart
from tidemark.policy.yaml_lines import KeyPath


def policy_problems(where: KeyPath, policy: PolicyPart) -> Iterator[tuple[KeyPath, str]]:
    """Yield a problem if a policy without indexes has settings for what judges them."""
    if policy.damage != DamagePart() and policy.index is None:
        yield where, "the damage alarm judges the index, and index is false; remove one of them"


def settings(part: DamagePart) -> DamageSettings | None:
    """Return the thresholds; None if all are the defaults, which a later version may improve."""
    names = [field.name for field in dataclasses.fields(DamageSettings)]
    found = DamageSettings(**{name: getattr(part, name) for name in names})
    return None if found == DamageSettings() else found
