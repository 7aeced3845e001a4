"""Differences between two backups that a person should look at: deleted, encrypted and unreadable files.

The verdicts that the indexes record come first, because they use the file system's history. Fixed shares of
the files are used where there is no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tidemark.answers.damage import with_records
from tidemark.answers.text import moment, size
from tidemark.damage.verdict import Status
from tidemark.damage.words import sentences
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.query.diff import DirectoryChanges

MOST_RECORDS = 60
_FEWEST = 100  # entries; smaller changes are daily work
_REMOVED = 0.2  # share of the entries of the earlier backup
_CHANGED = 0.3
_REPLACED = 0.1  # as many removed as added, as a program leaves that encrypts files under new names
_LOST_BYTES = 0.3


def alarms_between(
    store: Store, series: Sequence[Manifest], before: Manifest, after: Manifest, totals: DirectoryChanges
) -> list[str]:
    """Return a sentence for each alarm between two indexes, of the same or of different file systems.

    `series` are the indexes of the file system of `after`, `totals` the differences below the root. Reads the
    records of at most MOST_RECORDS indexes. Raises IndexDamaged.
    """
    first, last = before.index_id, after.index_id
    between = [each for each in series if first < each.index_id <= last][-MOST_RECORDS:]
    judged = with_records(store, between) if before.identity.file_system == after.identity.file_system else []
    alarms = [
        f"{moment(each.manifest.crawl_started_at)} UTC: {line}."
        for each in judged
        for line in sentences(each.verdict)
    ]
    if judged and all(each.verdict.status is not Status.UNKNOWN for each in judged):
        return [*alarms, *_unreadable(before, after)]
    return [*alarms, *alarms_of(before, after, totals)]


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
    return [*alarms, *_unreadable(before, after)]


def _unreadable(before: Manifest, after: Manifest) -> list[str]:
    now, earlier = after.totals.unreadable, before.totals.unreadable
    if now <= earlier:
        return []
    return [f"{now:,} paths could not be read when the index was made; before, it was {earlier:,}."]
