"""Composes the plan of a restore: points, requests that cover their items, conflicts, and the estimate."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from tidemark.index.format.manifest import Manifest
from tidemark.index.query.lookup import ancestors, entries_of, excluded_by_request, subtrees_of
from tidemark.index.storage.object_store import Store
from tidemark.restore.choose import ChosenPoint, HeldPoint, choose
from tidemark.restore.cover import Request, cover, directories_above
from tidemark.restore.estimate import Job, estimate
from tidemark.restore.items import Limits, batches
from tidemark.restore.plan import (
    Conflict,
    Destination,
    Item,
    NewFileSystem,
    OnConflict,
    Plan,
    PointPlan,
    Sampled,
    path_order,
)

MOST_CONFLICTS = 1_000  # conflicts that a plan names
_ROOT = "/"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A user's request."""

    plan_id: str
    account: str
    region: str
    file_system_id: str
    created_at: datetime  # UTC
    destination: Destination
    on_conflict: OnConflict
    new_file_system: NewFileSystem | None = None
    drill: tuple[Sampled, ...] = ()


def make_plan(
    store: Store,
    order: Order,
    manifests: Mapping[str, Manifest],
    points: Sequence[HeldPoint],
    paths: Iterable[str],
    *,
    limits: Limits,
    newest: Manifest | None = None,
    point: HeldPoint | None = None,
    at: datetime | None = None,
) -> Plan:
    """Return the plan for some paths, escaped; it may have missing paths, or nothing else.

    `manifests` are by index id. `newest` is the file system's newest index, to look for conflicts; if None,
    the newest of `manifests`. `point` and `at` are those of `choose`. Raises RecoveryPointNotFound and
    IndexDamaged.
    """
    choices = choose(store, manifests, points, paths, point=point, at=at)
    plans: list[PointPlan] = []
    jobs: list[Job] = []
    for chosen in choices.points:
        plan, its_jobs = _point_plan(store, manifests[chosen.point.index_id], chosen, limits)
        plans.append(plan)
        jobs += its_jobs
    newest = newest or max(manifests.values(), key=lambda each: each.index_id)
    items = [item for chosen in choices.points for item in chosen.items]
    found = conflicts(store, newest, items, order.destination)
    is_counted = all(is_complete(manifests[chosen.point.index_id]) for chosen in choices.points)
    return Plan(
        plan_id=order.plan_id,
        account=order.account,
        region=order.region,
        file_system_id=order.file_system_id,
        created_at=order.created_at,
        destination=order.destination,
        on_conflict=order.on_conflict,
        items_per_job=limits.most_items,
        points=tuple(plans),
        missing=choices.missing,
        conflicts=found[:MOST_CONFLICTS],
        conflict_count=len(found),
        estimate=estimate(jobs, order.region, is_counted=is_counted, is_temporary=bool(order.drill)),
        new_file_system=order.new_file_system,
        drill=order.drill,
    )


def conflicts(
    store: Store, newest: Manifest, items: Iterable[Item], destination: Destination
) -> tuple[Conflict, ...]:
    """Return the targets of the items that the newest index contains, in path order. Raises IndexDamaged.

    A file or link above a target is returned, too: nothing can be placed below it.

    A hint, because the file system may have changed since. Entries below a directory are not compared: a
    directory whose target is a directory is merged with it.
    """
    if destination.kind == "new-file-system":
        return ()
    targets = {f"{destination.directory.rstrip('/')}{item.path}".rstrip("/") or _ROOT for item in items}
    above = {path for target in targets for path in ancestors(target)} - targets
    found = {
        path: entry.type
        for path, entry in entries_of(store, newest, targets | above).items()
        if path in targets or entry.type != "d"
    }
    if _ROOT in targets:
        found[_ROOT] = "d"
    return tuple(Conflict(path=path, existing_type=found[path]) for path in sorted(found, key=path_order))


def is_complete(manifest: Manifest) -> bool:
    """Return whether an index contains all entries of its file system, as far as its crawl could see."""
    return not manifest.totals.unreadable and not excluded_by_request(manifest)


def _point_plan(
    store: Store, manifest: Manifest, chosen: ChosenPoint, limits: Limits
) -> tuple[PointPlan, list[Job]]:
    point = chosen.point
    subtrees = subtrees_of(store, manifest, directories_above(chosen.items, limits))
    covering = cover(chosen.items, subtrees, limits, is_complete=is_complete(manifest))
    requests = () if _is_whole(covering) else tuple(request.path for request in covering)
    by_path = {request.path: request for request in covering}
    jobs = []
    for batch in batches(requests, limits):
        written = [by_path[path] for path in batch] or covering
        jobs.append(
            Job(
                entries=sum(request.entries for request in written),
                bytes=sum(request.bytes for request in written),
                is_cold=point.is_cold,
                is_whole=not batch,
                paths=len(batch),
            )
        )
    plan = PointPlan(
        recovery_point_arn=point.recovery_point_arn,
        region=point.region,
        vault=point.vault,
        created_at=point.created_at,
        completed_at=point.completed_at,
        index_id=point.index_id,
        is_cold=point.is_cold,
        items=chosen.items,
        requests=requests,
        requested_entries=sum(request.entries for request in covering),
        requested_bytes=sum(request.bytes for request in covering),
        jobs=len(jobs),
    )
    return plan, jobs


def _is_whole(covering: Sequence[Request]) -> bool:
    return [request.path for request in covering] == [_ROOT]
