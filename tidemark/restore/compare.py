"""STUB"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Difference:
    path: bytes
    field: str
    expected: str
    found: str


def compare(root, entries, *, target_of, exact):  # type: ignore
    return iter(())
