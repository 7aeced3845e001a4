"""The calls that each role of a deployment makes, from recordings of whole sessions.

role_calls.json is generated (`python -m tests.infra.role_calls`); a test compares it with a recording. It
contains placeholders: {account}, {region}, {file_system}, {main.BackupRole} and others. `main.` and
`restore.` stand for the resources of the two stacks, by logical ids without their hashes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

FILE = Path(__file__).with_name("role_calls.json")
PLACEHOLDER = re.compile(r"\{([A-Za-z_.]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RoleCall:
    """One authorization request of a role."""

    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()  # condition keys and values, sorted

    def placeholders(self) -> set[str]:
        """Return the names of the placeholders in resource and context."""
        return {
            name
            for text in (self.resource, *dict(self.context).values())
            for name in PLACEHOLDER.findall(text)
        }

    def filled(self, values: Mapping[str, str]) -> RoleCall:
        """Return the call with values for all its placeholders."""

        def fill(text: str) -> str:
            return PLACEHOLDER.sub(lambda found: values[found[1]], text)

        return RoleCall(
            action=self.action,
            resource=fill(self.resource),
            context=tuple((key, fill(value)) for key, value in self.context),
        )


@dataclass(frozen=True, slots=True)
class RoleCalls:
    """The calls by role, such as `main.FunctionsStartBackupRole`."""

    by_role: Mapping[str, tuple[RoleCall, ...]]

    def to_json(self) -> str:
        """Return the content of FILE: one line for each call."""
        lines = []
        for role, calls in self.by_role.items():
            listed = ",\n  ".join(
                json.dumps([call.action, call.resource, dict(call.context)]) for call in calls
            )
            lines.append(f"{json.dumps(role)}: [\n  {listed}\n ]")
        return "{\n " + ",\n ".join(lines) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the calls that `to_json` wrote."""
        content: dict[str, list[tuple[str, str, dict[str, str]]]] = json.loads(text)
        return cls({role: tuple(_calls(listed)) for role, listed in content.items()})


def _calls(listed: list[tuple[str, str, dict[str, str]]]) -> Iterator[RoleCall]:
    for action, resource, context in listed:
        yield RoleCall(action=action, resource=resource, context=tuple(sorted(context.items())))


def recorded_calls() -> RoleCalls:
    """Return the calls of FILE."""
    return RoleCalls.from_json(FILE.read_text())
