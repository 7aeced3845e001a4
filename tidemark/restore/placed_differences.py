"""Decides which differences between placed files and the index of their point are losses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice

from tidemark.index.format.entry import Entry
from tidemark.index.query.lookup import ancestors, whole_entries_of
from tidemark.restore.compare import Difference
from tidemark.restore.point_comparison import Indexes, nearest
from tidemark.restore.verdict import Kind, Observed, Times, judge

_BATCH = 1_000  # paths whose evidence is looked up at once
# The fields of an Entry by those of a Difference, and how to read them.
_FIELDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "type": ("type", str),
    "size": ("size", int),
    "mtime": ("mtime_us", int),
    "owner": ("uid", int),
    "group": ("gid", int),
    "mode": ("mode", lambda text: int(text, 8)),
    "target": ("target", str),
    "nlink": ("nlink", int),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """A difference with its verdict."""

    difference: Difference
    kind: Kind
    evidence: str


def times_of(indexes: Indexes, created_at: datetime, completed_at: datetime | None) -> Times:
    """Return the times of a recovery point and of its index; without its end, the backup proves less."""
    return Times(
        backup_started_at=created_at,
        backup_ended_at=completed_at or created_at,
        crawl_started_at=indexes.indexed.crawl_started_at,
        crawl_ended_at=indexes.indexed.crawl_ended_at,
    )


def judged(differences: Iterable[tuple[str, Difference]], indexes: Indexes, times: Times) -> Iterator[Judged]:
    """Yield the verdicts on differences, in their order.

    Each is given with its path in the index, escaped; those of one path must follow each other. Raises
    IndexDamaged.
    """
    paths = groupby(differences, key=lambda each: each[0])
    groups = ((path, [difference for _, difference in found]) for path, found in paths)
    while batch := list(islice(groups, _BATCH)):
        yield from _judged(batch, indexes, times)


def _judged(batch: list[tuple[str, list[Difference]]], indexes: Indexes, times: Times) -> Iterator[Judged]:
    paths = [path for path, _ in batch]
    directories = {directory for path in paths for directory in ancestors(path)}
    store, previous, following = indexes.store, indexes.previous, indexes.next
    here = whole_entries_of(store, indexes.indexed, {*paths, *directories})
    before = whole_entries_of(store, previous, paths) if previous else {}
    after = whole_entries_of(store, following, {*paths, *directories}) if following else {}
    for path, found in batch:
        indexed = here.get(path)
        observed = Observed(
            indexed=indexed,
            restored=_restored(indexed, found),
            previous=before.get(path),
            next=after.get(path),
            above=nearest(path, here),
            above_next=nearest(path, after),
        )
        for difference in found:
            yield Judged(difference, *_verdict(difference, observed, times))


def _verdict(difference: Difference, observed: Observed, times: Times) -> tuple[Kind, str]:
    if difference.field == "unreadable":
        return "loss", "the restored file cannot be read"
    if difference.field != "extra" and observed.indexed is None:
        return "loss", "the index does not contain it"
    return judge(difference.field, observed, times)


def _restored(indexed: Entry | None, differences: list[Difference]) -> Entry | None:
    """Return the entry of the placed file: the indexed one with what differs; None if it is missing."""
    fields = {each.field for each in differences}
    if indexed is None or fields & {"missing", "extra", "unreadable"}:
        return None
    changes = {_FIELDS[each.field][0]: _FIELDS[each.field][1](each.found) for each in differences}
    return dataclasses.replace(indexed, **changes)  # type: ignore[arg-type]  # the fields' own types
