"""What the indexes of a file system record about damage."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark.answers.text import moment
from tidemark.damage.document import DamageDocument
from tidemark.damage.verdict import Status, Verdict
from tidemark.damage.words import directories, restore_line
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:  # importing the AWS SDK takes longer than reading a local repository
    from tidemark.answers.connection import Connection
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.storage.catalog import SkipIndex
    from tidemark.sessions.damage_alarms import DamageAlarm

_NO_RECORD = Verdict(status=Status.UNKNOWN, reason="an earlier version made this index, without a judgment")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedIndex:
    """An index with its record about damage."""

    manifest: Manifest
    document: DamageDocument | None

    @property
    def verdict(self) -> Verdict:
        """The verdict; unknown for an index without a record."""
        return _NO_RECORD if self.document is None else self.document.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlarm:
    """Suspicious changes that no person has accepted yet."""

    first: JudgedIndex  # the index that raised the alarm
    newest: JudgedIndex  # the newest suspicious one
    last_good: Manifest | None  # the newest index before the damage; None if it was deleted


def judged_indexes(store: Store, file_system: str, skip_index: SkipIndex) -> list[JudgedIndex]:
    """Return all indexes of a file system with their records, oldest first. One GET for each record.

    Raises IndexNotFound if there is no index, and IndexDamaged for a damaged record.
    """
    from tidemark.answers.indexes import every_index

    return with_records(store, every_index(store, file_system, skip_index))


def with_records(store: Store, indexes: Sequence[Manifest]) -> list[JudgedIndex]:
    """Return indexes with their records. Raises IndexDamaged."""
    from tidemark.index.files.damage_file import read_damage

    with ThreadPoolExecutor(store.at_once) as pool:
        documents = pool.map(lambda each: read_damage(store, each), indexes)
        return [
            JudgedIndex(manifest=manifest, document=document)
            for manifest, document in zip(indexes, documents, strict=True)
        ]


def recorded_alarm(connection: Connection, file_system_id: str) -> DamageAlarm | None:
    """Return the alarm that the deployment has recorded for a file system, open or released, if any."""
    from tidemark.sessions.damage_alarms import read_alarm

    return read_alarm(connection.records, connection.file_system(file_system_id))


def open_alarm(judged: Sequence[JudgedIndex], accepted_until: str = "") -> OpenAlarm | None:
    """Return the alarm that is open; None if no index is suspicious, or all such indexes are accepted.

    `judged` are the indexes of one file system, oldest first. `accepted_until` is what the deployment has
    recorded since the newest index.
    """
    accepted = max([accepted_until, *(each.document.accepted_until for each in judged if each.document)])
    suspicious = [
        each
        for each in judged
        if each.verdict.status is Status.SUSPICIOUS and each.manifest.index_id > accepted
    ]
    if not suspicious:
        return None
    first = suspicious[0]
    good = first.verdict.last_good_index_id
    last_good = next((each.manifest for each in judged if each.manifest.index_id == good), None)
    return OpenAlarm(first=first, newest=suspicious[-1], last_good=last_good)


def restore_command(alarm: OpenAlarm) -> str | None:
    """Return the command that restores the damaged directories from the last good point.

    It restores next to the existing files. None if there is no last good index.
    """
    if alarm.last_good is None:
        return None
    return restore_line(
        directories(alarm.newest.verdict),
        alarm.last_good.identity.file_system_id,
        ["--at", f"{moment(alarm.last_good.crawl_ended_at)}Z"],
    )
