"""Decides whether a restored file differs from its index because of a loss, or because of a later change.

A backup and the crawl of its index read each path at different times, so a path that was changed in between
may differ although nothing is lost. A difference counts as such a change only if the indexes prove that the
path changed in between. Without a proof, it is a loss.

Proofs are times that the file server sets (ctime), and the same path in the neighbouring indexes. A
modification time proves little, because programs set it; it is used only where the index was read before the
backup. No tolerance is added for clocks: a change that seems to be earlier than the backup is in the backup.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

from tidemark.index.format.entry import Entry
from tidemark.restore.compare import Field

Kind = Literal["loss", "changed-since-backup"]

_BACKED_UP = frozenset("fdl")  # AWS Backup omits sockets, FIFOs and devices
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONTENT: frozenset[Field] = frozenset({"size", "mtime"})
_NO_PROOF = "nothing shows that it changed between the backup and the crawl"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When the backup and the crawl of its index read the file system. All in UTC."""

    backup_started_at: datetime
    backup_ended_at: datetime
    crawl_started_at: datetime
    crawl_ended_at: datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What is known about one path. Entries are of that path unless the comment states another one."""

    indexed: Entry | None  # in the index of the recovery point
    restored: Entry | None  # in the restored file system; its ctime and inode are those of the restore
    previous: Entry | None = None  # in the newest index whose crawl ended before the backup started
    next: Entry | None = None  # in the next index
    # The nearest entry above the path that the index contains: a directory, unless a file has replaced it.
    # None directly below the root, whose times no index contains.
    above: Entry | None = None
    above_next: Entry | None = None  # the same in the next index; None without a next index, too
    # For a path that is missing because a directory above it is: that directory in the index, the topmost one
    # that is missing, and the entry in the restored file system below the directory's earlier place.
    moved_directory: Entry | None = None
    moved_from: Entry | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One difference with its verdict. The first three members are those of `compare.Difference`."""

    field: Field
    expected: str
    found: str
    kind: Kind
    evidence: str  # the proof of a change, or why there is none


def classify(observed: Observed, times: Times) -> list[Finding]:
    """Return the differences of a restored path from its index; none if they agree.

    Not compared: ctime, inode, and sizes and modification times of directories, which a restore does not
    preserve. Sockets, FIFOs and devices are in no backup and are not expected.
    """
    found = differing_fields(observed.indexed, observed.restored)
    verdict = _Verdict(observed, times)
    return [Finding(*each, *verdict.of(each[0])) for each in found]


def judge(field: Field, observed: Observed, times: Times) -> tuple[Kind, str]:
    """Return the kind and the evidence of one difference."""
    return _Verdict(observed, times).of(field)


def differing_fields(indexed: Entry | None, restored: Entry | None) -> list[tuple[Field, str, str]]:
    """Return field, expected and found value of each difference, in the forms of `compare.Difference`."""
    if indexed is None or (indexed.type not in _BACKED_UP and restored is None):
        return [("extra", "", restored.type)] if indexed is None and restored is not None else []
    if restored is None:
        return [("missing", indexed.type, "")]
    if indexed.type != restored.type:
        return [("type", indexed.type, restored.type)]
    pairs = zip(_values(indexed), _values(restored), strict=True)
    return [(field, expected, found) for (field, expected), (_, found) in pairs if expected != found]


def _values(entry: Entry) -> Iterator[tuple[Field, str]]:
    yield "owner", str(entry.uid)
    yield "group", str(entry.gid)
    if entry.type == "f":
        yield "size", str(entry.size)
    if entry.type == "l":
        yield "target", entry.target or ""
    else:
        yield "mode", f"{entry.mode:04o}"
    if entry.type != "d":
        yield "mtime", str(entry.mtime_us)
        yield "nlink", str(entry.nlink)


class _Verdict:
    """The verdict on each field of one path."""

    def __init__(self, observed: Observed, times: Times) -> None:
        self._observed = observed
        # If the crawl read the path after the backup, a change in between is at one of these times.
        self._after_backup = _Interval(times.backup_started_at, times.crawl_ended_at)
        # If the backup read the path after the crawl. Empty if the backup ended first, as it normally does.
        self._after_crawl = _Interval(times.crawl_started_at, times.backup_ended_at)

    def of(self, field: Field) -> tuple[Kind, str]:
        """Return the kind and the evidence of one difference."""
        if field == "extra":
            proof = self._of_extra()
        elif field == "missing":
            proof = self._of_missing()
        else:
            proof = self._of_changed(field)
        return ("changed-since-backup", proof) if proof else ("loss", self._why_none(field))

    def _of_extra(self) -> str:
        """Return the proof that the path was deleted after the backup, or created after the crawl."""
        seen = self._observed
        # A crawl reads the times of a directory before its names, so the next index may show the removal.
        for above in (seen.above, seen.above_next):
            if above is not None and self._after_backup.contains(above.ctime_us):
                return f"{above.path} changed at {_at(above.ctime_us)}, after the backup started"
        if seen.above is None and seen.previous is not None and _equal(seen.previous, seen.restored):
            return "it is the same in the previous index, and was deleted since"
        if seen.next is not None and self._after_crawl.contains(seen.next.ctime_us):
            return f"by the next index, it changed at {_at(seen.next.ctime_us)}, before the backup ended"
        return self._of_new_content()

    def _of_missing(self) -> str:
        """Return the proof that the path was created after the backup, or deleted after the crawl."""
        seen = self._observed
        assert seen.indexed is not None  # noqa: S101 - otherwise the difference is another one
        if seen.previous is None and self._after_backup.contains(seen.indexed.ctime_us):
            return f"it changed at {_at(seen.indexed.ctime_us)}, after the backup started"
        moved = seen.moved_directory
        if (
            moved is not None
            and seen.moved_from is not None
            and self._after_backup.contains(moved.ctime_us)
            and _equal(seen.indexed, seen.moved_from)
        ):
            return (
                f"{moved.path} was moved at {_at(moved.ctime_us)}, and is restored as {seen.moved_from.path}"
            )
        above = seen.above_next
        if seen.next is None and above is not None and self._after_crawl.contains(above.ctime_us):
            return (
                f"the next index does not contain it, and {above.path} changed at {_at(above.ctime_us)}, "
                f"before the backup ended"
            )
        return ""

    def _of_changed(self, field: Field) -> str:
        """Return the proof that a field changed in between."""
        seen = self._observed
        assert seen.indexed is not None  # noqa: S101 - as above
        if self._after_backup.contains(seen.indexed.ctime_us) and not _agree(
            field, seen.previous, seen.indexed
        ):
            return f"it changed at {_at(seen.indexed.ctime_us)}, after the backup started"
        following = seen.next
        if following is not None and self._after_crawl.contains(following.ctime_us):
            if not _agree(field, seen.indexed, following):
                return f"by the next index, it changed at {_at(following.ctime_us)}, before the backup ended"
            return ""
        return self._of_new_content() if field in _CONTENT else ""

    def _of_new_content(self) -> str:
        """Return the proof that the content was written after the crawl."""
        indexed, restored = self._observed.indexed, self._observed.restored
        if restored is None or (indexed is not None and indexed.mtime_us == restored.mtime_us):
            return ""
        if self._after_crawl.contains(restored.mtime_us):
            return f"its content is of {_at(restored.mtime_us)}, after the crawl started"
        return ""

    def _why_none(self, field: Field) -> str:
        seen = self._observed
        if seen.indexed is None or not self._after_backup.contains(seen.indexed.ctime_us):
            return _NO_PROOF
        if field == "missing":
            return "it existed before the backup, too, by the previous index"
        return "the previous index has the same value, so only the restored one differs"


@dataclasses.dataclass(frozen=True, slots=True)
class _Interval:
    first: datetime
    last: datetime

    def contains(self, microseconds: int) -> bool:
        return _microseconds(self.first) <= microseconds <= _microseconds(self.last)


def _agree(field: Field, before: Entry | None, after: Entry) -> bool:
    """Return whether a field has the same value before and after a change, so that it did not change.

    Names of a hard-linked file come and go, so an equal number of them shows nothing.
    """
    if before is None or before.type != after.type or field == "nlink":
        return False
    was, now = dict(_values(before)), dict(_values(after))
    names: frozenset[Field] = _CONTENT if field in _CONTENT else frozenset({field})
    return all(was.get(name) == now.get(name) for name in names)


def _equal(one: Entry, other: Entry | None) -> bool:
    return other is not None and not differing_fields(one, other)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _at(microseconds: int) -> str:
    return f"{_EPOCH + timedelta(microseconds=microseconds):%Y-%m-%dT%H:%M:%SZ}"
