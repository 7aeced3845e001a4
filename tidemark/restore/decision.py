"""What is done with one restored entry, from its type, its target and the policy for conflicts."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from tidemark.restore import moves
from tidemark.restore.outcomes import NOT_RESTORED, OnConflict, Outcome, Stays


class Decision(NamedTuple):
    """An action, and its outcome when it was carried out."""

    action: str
    outcome: Outcome
    other_name: bool = False  # under a free name with the suffix


def decide(source: os.stat_result | None, target: os.stat_result | None, on_conflict: OnConflict) -> Decision:
    """Return the decision for an entry from its own status and that of its target, None if absent.

    Raises Stays for a conflict, and for an entry that does not exist.
    """
    if source is None:
        raise Stays("failed", NOT_RESTORED)
    is_directory = stat.S_ISDIR(source.st_mode)
    if target is None:
        return Decision(_placing(is_directory, on_conflict), "placed")
    onto_directory = stat.S_ISDIR(target.st_mode)
    if is_directory and onto_directory:
        return Decision(moves.MERGE, "merged")
    if not is_directory and os.path.samestat(source, target):
        return Decision(moves.REMOVE, "placed")  # another worker has just linked it
    if on_conflict == "rename":
        return Decision(_placing(is_directory, on_conflict), "renamed", other_name=True)
    if onto_directory:
        raise Stays("conflict", "a directory is in its place")
    if is_directory or on_conflict == "fail":
        raise Stays("conflict", "a file or link is in its place")
    if on_conflict == "skip":
        return Decision(moves.REMOVE, "skipped")
    return Decision(moves.REPLACE, "replaced")


def _placing(is_directory: bool, on_conflict: OnConflict) -> str:
    if is_directory:
        return moves.MOVE
    return moves.REPLACE if on_conflict == "replace" else moves.LINK
