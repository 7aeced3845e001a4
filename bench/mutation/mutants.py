"""Mutants of a file, in a fixed order and with stable ids."""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter
from dataclasses import dataclass

from bench.mutation.operators import Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one file."""

    file: str
    line: int
    last_line: int
    start: int  # byte offset in the source
    end: int
    replacement: bytes
    operator: str
    within: str  # the function or class
    text: str  # the first line
    change: str  # in one line
    occurrence: int  # index among equal changes of equal lines in the same function
    names: frozenset[str]  # names bound by a statement of a module or class

    @property
    def mutant_id(self) -> str:
        """An id that is stable when other lines change."""
        parts = (self.file, self.within, self.text, self.operator, self.change, str(self.occurrence))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]

    @property
    def title(self) -> str:
        """Its location and change, in one line."""
        return f"{self.file}:{self.line} {self.operator}: {self.change}"

    def apply(self, source: bytes) -> bytes:
        """Return the file's source with the change."""
        return source[: self.start] + self.replacement + source[self.end :]

    def diff(self, source: bytes) -> str:
        """Return the change as a unified diff without context."""
        before, after = source.decode().splitlines(), self.apply(source).decode().splitlines()
        return "\n".join(list(difflib.unified_diff(before, after, lineterm="", n=0))[3:])


def mutants_of(file: str, source: bytes) -> list[Mutant]:
    """Return all mutants of a file that compile, in the order of its lines."""
    found: list[Mutant] = []
    seen: Counter[tuple[str, ...]] = Counter()
    changes = Changes(source)
    for change in changes.all():
        first, last = change.nodes[0], change.nodes[-1]
        start, end = first.lineno, last.end_lineno or last.lineno
        text = source.splitlines()[start - 1].decode().strip()
        same = (change.within, text, change.operator, change.words)
        mutant = Mutant(
            file=file,
            line=start,
            last_line=end,
            start=change.start,
            end=change.end,
            replacement=change.replacement,
            operator=change.operator,
            within=change.within,
            text=text,
            change=change.words,
            occurrence=seen[same],
            names=change.names,
        )
        if changes.compiles(change):
            seen[same] += 1
            found.append(mutant)
    return sorted(found, key=lambda mutant: (mutant.start, mutant.end, mutant.operator, mutant.replacement))
