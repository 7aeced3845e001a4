"""Differences between two backups that a person should look at: deleted, encrypted and unreadable files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark.answers.text import size

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.query.diff import DirectoryChanges

_FEWEST = 100  # entries; smaller changes are daily work
_REMOVED = 0.2  # share of the entries of the earlier backup
_CHANGED = 0.3
_REPLACED = 0.1  # as many removed as added, as a program leaves that encrypts files under new names
_LOST_BYTES = 0.3


def alarms_of(before: Manifest, after: Manifest, totals: DirectoryChanges) -> list[str]:
    """Return a sentence for each alarm. `totals` are the differences below the root."""
    entries = max(before.totals.entries, 1)
    alarms = []
    replaced = min(totals.added, totals.removed)
    if totals.removed >= max(_FEWEST, _REMOVED * entries):
        alarms.append(
            f"{totals.removed:,} of {before.totals.entries:,} entries were removed "
            f"({totals.removed / entries:.0%})."
        )
    if totals.changed >= max(_FEWEST, _CHANGED * entries):
        alarms.append(
            f"{totals.changed:,} of {before.totals.entries:,} entries changed "
            f"({totals.changed / entries:.0%}); programs that encrypt files leave such traces."
        )
    if replaced >= max(_FEWEST, _REPLACED * entries) and replaced >= 0.8 * max(totals.added, totals.removed):
        alarms.append(
            f"About as many entries were added ({totals.added:,}) as removed ({totals.removed:,}); programs "
            f"that encrypt files under new names leave such traces."
        )
    lost = before.totals.bytes - after.totals.bytes
    if lost > _LOST_BYTES * before.totals.bytes and totals.removed + totals.changed >= _FEWEST:
        alarms.append(f"The file system holds {size(lost)} less than before.")
    if after.totals.unreadable > before.totals.unreadable:
        alarms.append(
            f"{after.totals.unreadable:,} paths could not be read when the index was made; "
            f"before, it was {before.totals.unreadable:,}."
        )
    return alarms
