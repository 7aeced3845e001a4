"""Read what `tidemark remove` decides on, and delete the points of its plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from tidemark.answers.connection import Connection
from tidemark.answers.point_removal import HeldPoint, Locks, RemovalPlan, Selection, plan_removal
from tidemark.answers.points import find
from tidemark.answers.pruning import known_file_systems
from tidemark.aws.point_deletion import delete_point, held_points, lock_of
from tidemark.aws.recovery_points import Unlisted
from tidemark.errors import SessionNotFound
from tidemark.sessions.records import read_session
from tidemark.sessions.session import FileSystem
from tidemark.tags import PointMetadata

_AT_ONCE = 4  # file systems whose recovery points are listed concurrently


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The plan, and the vaults that could not be listed."""

    plan: RemovalPlan
    unlisted: list[Unlisted]


def plan_for(
    connection: Connection,
    file_systems: Sequence[str],
    selection: Selection,
    now: datetime,
    *,
    last: bool,
) -> Found:
    """Return what is deleted; of all file systems with points if none is named."""
    wanted = known_file_systems(connection, file_systems)
    unlisted: dict[tuple[str, str], Unlisted] = {}

    def held(file_system: FileSystem) -> list[HeldPoint]:
        found = find(connection, file_system.name_at(connection.resources.home))
        unlisted.update({(each.region, each.vault): each for each in found.unlisted})
        return [
            HeldPoint(
                file_system=file_system,
                point=point,
                is_manual=selection.manual and _is_manual(connection, point.tags.metadata),
            )
            for point, _ in found.points
        ]

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        points = [point for each in pool.map(held, wanted) for point in each]
    chosen = [each for each in points if selection.includes(each) and not each.point.recorded_in]
    plan = plan_removal(points, selection, _locks(connection, chosen, now), last=last)
    return Found(plan=plan, unlisted=[unlisted[key] for key in sorted(unlisted)])


def delete_planned(
    connection: Connection, plan: RemovalPlan, sleep: Callable[[float], None]
) -> Iterator[tuple[HeldPoint, str]]:
    """Delete the points one after another; yield each with why it was not deleted, or an empty text."""
    for held in plan.removals:
        client = connection.clients.of("backup", held.point.region)
        yield held, delete_point(client, held.point.vault, held.point.recovery_point_arn, sleep)


def _locks(connection: Connection, points: Sequence[HeldPoint], now: datetime) -> Locks:
    vaults: dict[tuple[str, str], str] = {}
    held: dict[str, str] = {}
    for region, vault in sorted({(each.point.region, each.point.vault) for each in points}):
        if lock := lock_of(connection.clients.of("backup", region), vault, now):
            vaults[region, vault] = lock
    for region in sorted({each.point.region for each in points}):
        arns = [each.point.recovery_point_arn for each in points if each.point.region == region]
        held |= held_points(connection.clients.of("backup", region), arns)
    return Locks(vaults=vaults, held=held)


def _is_manual(connection: Connection, metadata: PointMetadata | None) -> bool:
    """Return whether a user started the run of a point; False without a record of it."""
    if metadata is None:
        return False
    try:
        return read_session(connection.records, metadata.session).is_manual
    except SessionNotFound:
        return False
