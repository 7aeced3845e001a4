"""Chooses the recovery point that each requested path is restored from."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice

from tidemark.crawl.crawler import RESTORE_DIRECTORIES
from tidemark.errors import NotRestorable, RecoveryPointNotFound
from tidemark.index.format.manifest import Manifest
from tidemark.index.query.lookup import (
    Found,
    entries_of,
    excluded_among,
    last_known_of,
    subtrees_of,
    unread_among,
)
from tidemark.index.reading.scan import in_order
from tidemark.index.storage.object_store import Store
from tidemark.restore.plan import Item, Missing, outermost, path_order

_ROOT = "/"
_RESTORABLE = "fdl"
_IN_NO_BACKUP = "sockets, FIFOs and devices are in no backup"
_OF_AWS_BACKUP = "AWS Backup does not back up the directories that it creates when it restores"
_IS_OF_AWS_BACKUP = re.compile("|".join(f"(?:{each.regex()})" for each in RESTORE_DIRECTORIES)).fullmatch
_HINT_INDEXES = 8  # the most indexes read to name another point that holds a missing path
_UNREAD = "index {} could not read it"
_EXCLUDED = "it is in a directory that index {} excludes"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HeldPoint:
    """A recovery point of the file system that exists now and has a complete index."""

    recovery_point_arn: str
    region: str
    vault: str
    created_at: datetime  # UTC; for a copy, when its source was created
    completed_at: datetime | None = None  # UTC; None if it is not known, as for a copy
    index_id: str
    is_cold: bool
    is_copy: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPoint:
    """A recovery point, and the items to restore from it in path order, none below another."""

    point: HeldPoint
    items: tuple[Item, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The chosen points, newest first, and the requested paths that none of them holds, in path order."""

    points: tuple[ChosenPoint, ...]
    missing: tuple[Missing, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Contents:
    """What one index contains of some paths."""

    items: dict[str, Item]
    refused: frozenset[str]  # sockets, FIFOs and devices


def choose(
    store: Store,
    manifests: Mapping[str, Manifest],
    points: Sequence[HeldPoint],
    paths: Iterable[str],
    *,
    point: HeldPoint | None = None,
    at: datetime | None = None,
) -> Choices:
    """Choose the recovery point of each path.

    By default, the newest point whose index holds the path. With `at`, the newest point created at or before
    that time, for every path. With `point`, that one. Copies in other Regions are never chosen, because AWS
    Backup restores a copy in its own Region only. Of several points with one creation time, a warm one is
    preferred to a cold one, then an original to a copy.

    A path that an index could not read, or that is in a directory that it excludes, may be in the backup. The
    point holds it, with a `note` in its item. `manifests` are by index id, `paths` escaped. Raises
    RecoveryPointNotFound if there is no point to choose from, NotRestorable if `point` is in another Region,
    and IndexDamaged.
    """
    described = [each for each in _preferred_first(points) if each.index_id in manifests]
    local = [each for each in described if each.region == manifests[each.index_id].identity.region]
    wanted = {_normal(path) for path in paths}
    single = point is not None or at is not None
    if point is not None:
        candidates = [_restorable(point, manifests)]
    elif not local:
        raise RecoveryPointNotFound(_no_candidates(described, manifests))
    else:
        candidates = local if at is None else [_newest_before(local, at, manifests)]
    chosen, refused, left = _assigned(store, manifests, candidates, wanted)
    others = [each for each in described if each not in candidates]
    hints = _hints(store, manifests, others, candidates, left - refused)
    held = (
        f"{_shown(candidates[0])} does not hold it" if single else "no recovery point with an index holds it"
    )
    missing = []
    for path in sorted(left, key=path_order):
        reason = held + hints.get(path, "")
        if path in refused:
            reason = _IN_NO_BACKUP
        elif _IS_OF_AWS_BACKUP(path.split("/")[1]):
            reason = _OF_AWS_BACKUP
        missing.append(Missing(path=path, reason=reason))
    return Choices(
        points=tuple(
            ChosenPoint(point=each, items=_absorbed(chosen[each])) for each in candidates if each in chosen
        ),
        missing=tuple(missing),
    )


def _assigned(
    store: Store, manifests: Mapping[str, Manifest], candidates: Sequence[HeldPoint], wanted: Collection[str]
) -> tuple[dict[HeldPoint, list[Item]], set[str], set[str]]:
    """Return the items by the first point that holds them, the refused paths, and the paths of no point."""
    left, refused = set(wanted), set[str]()
    chosen: dict[HeldPoint, list[Item]] = {}

    def contents(each: tuple[HeldPoint, frozenset[str]]) -> tuple[HeldPoint, _Contents]:
        return each[0], _contents(store, manifests[each[0].index_id], each[1])

    # A later index may be read before an earlier one has been evaluated, for paths that this one then holds.
    firsts = ((each, frozenset(left)) for each in _first_of_each_index(candidates))
    for point, found in in_order(firsts, contents, at_once=store.at_once):
        refused |= found.refused
        items = [item for path, item in found.items.items() if path in left]
        if items:
            chosen[point] = items
            left.difference_update(item.path for item in items)
        if not left:
            break
    return chosen, refused & left, left


def _contents(store: Store, manifest: Manifest, paths: frozenset[str]) -> _Contents:
    """Return what an index contains of some paths."""
    found = entries_of(store, manifest, paths)
    absent = paths - found.keys() - {_ROOT}
    unread = unread_among(store, manifest, absent)
    excluded = excluded_among(store, manifest, absent - unread)
    known = last_known_of(store, manifest, unread)
    directories = {path for path, entry in found.items() if entry.type == "d"} | (paths & {_ROOT})
    subtrees = subtrees_of(store, manifest, directories) if directories else {}
    items = {path: _item(path, entry) for path, entry in found.items()}
    for path, below in subtrees.items():
        entries = below.entries + (path != _ROOT)
        items[path] = Item(path=path, type="d", entries=entries, bytes=below.bytes)
    unknown = Found("", 0)
    for path in unread:
        items[path] = _item(path, known.get(path, unknown), _UNREAD.format(manifest.index_id))
    for path in excluded:
        items[path] = _item(path, unknown, _EXCLUDED.format(manifest.index_id))
    refused = frozenset(path for path, item in items.items() if item.type and item.type not in _RESTORABLE)
    return _Contents({path: item for path, item in items.items() if path not in refused}, refused)


def _item(path: str, entry: Found, note: str = "") -> Item:
    size = entry.size if entry.type == "f" else 0
    return Item(path=path, type=entry.type, entries=1, bytes=size, note=note)


def _absorbed(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the items in path order, without those below another one."""
    by_path = {item.path: item for item in items}
    return tuple(by_path[path] for path in outermost(by_path))


def _hints(
    store: Store,
    manifests: Mapping[str, Manifest],
    others: Sequence[HeldPoint],
    candidates: Sequence[HeldPoint],
    paths: Collection[str],
) -> dict[str, str]:
    """Return, by missing path, the end of its reason: another point that certainly holds it, if one does.

    Reads a few of the newest other indexes.
    """
    read = {each.index_id for each in candidates}
    left, hints = set(paths), dict[str, str]()
    unread = (each for each in _first_of_each_index(others) if each.index_id not in read)
    for point in islice(unread, _HINT_INDEXES):
        if not left:
            break
        for path, entry in entries_of(store, manifests[point.index_id], left).items():
            if entry.type in _RESTORABLE:
                home = manifests[point.index_id].identity.region
                how = f"restore from it with: --point {point.recovery_point_arn}"
                if point.region != home:
                    how = f"restore {point.recovery_point_arn} there with: {_restore_there(point)}"
                hints[path] = f"; that of {_time(point.created_at)} in {point.region} does, {how}"
        left -= hints.keys()
    return hints


def _preferred_first(points: Iterable[HeldPoint]) -> list[HeldPoint]:
    """Return the points, newest first; of the same time, warm ones and then originals first."""
    ordered = sorted(points, key=lambda each: (each.is_cold, each.is_copy, each.recovery_point_arn))
    return sorted(ordered, key=lambda each: each.created_at, reverse=True)


def _first_of_each_index(points: Iterable[HeldPoint]) -> Iterator[HeldPoint]:
    seen: set[str] = set()
    for point in points:
        if point.index_id not in seen:
            seen.add(point.index_id)
            yield point


def _newest_before(local: Sequence[HeldPoint], at: datetime, manifests: Mapping[str, Manifest]) -> HeldPoint:
    point = next((each for each in local if each.created_at <= at), None)
    if point is None:
        raise RecoveryPointNotFound(
            f"no recovery point with an index was created at or before {_time(at)}; the oldest is of "
            f"{_time(local[-1].created_at)}; list them with: {_listing(manifests)}"
        )
    return point


def _restorable(point: HeldPoint, manifests: Mapping[str, Manifest]) -> HeldPoint:
    if point.index_id not in manifests:
        raise RecoveryPointNotFound(
            f"{point.recovery_point_arn} has no complete index; list the recovery points with: "
            f"{_listing(manifests)}"
        )
    home = manifests[point.index_id].identity.region
    if point.region != home:
        raise NotRestorable(
            f"{point.recovery_point_arn} is a copy in {point.region}, and AWS Backup restores it in that "
            f"Region only; choose a recovery point of {home} from: {_listing(manifests)}; or restore this "
            f"one there with: {_restore_there(point)}"
        )
    return point


def _restore_there(point: HeldPoint) -> str:
    return f"aws backup start-restore-job --region {point.region} (docs/restore.md, The Region is lost)"


def _listing(manifests: Mapping[str, Manifest]) -> str:
    """Return the command that lists the recovery points of the file system."""
    systems = sorted({manifest.identity.file_system_id for manifest in manifests.values()})
    return " ".join(("tidemark recovery-points", *(systems or ["ID"])))


def _no_candidates(described: Sequence[HeldPoint], manifests: Mapping[str, Manifest]) -> str:
    if described:
        return (
            f"only copies in other Regions hold the file system's backups; the newest is "
            f"{described[0].recovery_point_arn} in {described[0].region}; restore it there with: "
            f"{_restore_there(described[0])}"
        )
    return (
        f"no recovery point of the file system has a complete index; list the recovery points with: "
        f"{_listing(manifests)}"
    )


def _normal(path: str) -> str:
    return "/" + "/".join(name for name in path.split("/") if name)


def _shown(point: HeldPoint) -> str:
    return f"the recovery point of {_time(point.created_at)} ({point.recovery_point_arn})"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
