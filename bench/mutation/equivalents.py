"""Equivalent mutants, from equivalents.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.mutation.mutants import Mutant

LIST = Path(__file__).with_name("equivalents.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """An entry of the list."""

    file: str
    line: str
    operator: str
    change: str  # or *
    reason: str

    def fits(self, mutant: Mutant) -> bool:
        """Return whether the entry matches the mutant."""
        return (
            (self.file, self.line, self.operator) == (mutant.file, mutant.text, mutant.operator)
        ) and self.change in {"*", mutant.change}


def read_equivalents(path: Path = LIST) -> list[Equivalent]:
    """Return the list's entries; each has a reason."""
    entries = [Equivalent(**entry) for entry in tomllib.loads(path.read_text()).get("equivalent", [])]
    for entry in entries:
        if not entry.reason.strip():
            raise SystemExit(f"{path}: {entry.file}, {entry.line} has no reason")
    return entries


def stale(entries: Iterable[Equivalent], mutants: Sequence[Mutant]) -> list[Equivalent]:
    """Return the entries that match no mutant: the line has changed, so the reason may no longer hold."""
    return [entry for entry in entries if not any(entry.fits(mutant) for mutant in mutants)]
