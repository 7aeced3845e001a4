"""What became of restored entries."""

from __future__ import annotations

import dataclasses
import os
from errno import EROFS
from typing import Literal

Outcome = Literal["placed", "merged", "skipped", "conflict", "failed", "renamed", "replaced"]
OnConflict = Literal["fail", "skip", "rename", "replace"]

NOT_RESTORED = "not in the restored directory"
KEEPS_CHANGING = "its target changed repeatedly while it was being placed"


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """What became of one entry; of a directory that was moved, with all entries below it."""

    path: bytes  # from the root of the backup
    target: bytes  # from the root of the file system
    outcome: Outcome
    reason: str  # empty if there is nothing to add


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlaceTotals:
    """The number of reports of each outcome."""

    placed: int = 0
    merged: int = 0
    skipped: int = 0
    conflict: int = 0
    failed: int = 0
    renamed: int = 0
    replaced: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing that was asked for remains in the restored directory."""
        return not self.conflict and not self.failed


class Stays(Exception):
    """An entry cannot be placed."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome: Outcome = outcome
        self.reason = reason


def failed(error: OSError) -> Stays:
    """Return the failure of one entry. Raises the error itself if it is one of the whole file system."""
    if error.errno == EROFS:
        raise error
    return Stays("failed", reason(error))


def reason(error: OSError) -> str:
    """Return the text of an error, without the name of a file."""
    return error.strerror or os.strerror(error.errno or 0)
