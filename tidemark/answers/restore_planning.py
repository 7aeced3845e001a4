"""Plan a restore from what the deployment holds: recovery points, their indexes and the records."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from tidemark.answers.connection import Connection
from tidemark.answers.recorded_points import recorded_elsewhere
from tidemark.answers.requests import InvalidRequest
from tidemark.answers.text import quoted, visible
from tidemark.aws import executions
from tidemark.aws.new_file_systems import PARTS, NewFileSystemWish, Part, settings_for
from tidemark.aws.recovery_points import Listing, RecoveryPoint, Unlisted, recovery_points_of
from tidemark.aws.restore_jobs import RESTORABLE
from tidemark.aws.restore_plans import write_plan
from tidemark.aws.sites import machine_of
from tidemark.errors import IndexNotFound, NotRestorable, RecoveryPointNotFound
from tidemark.escape import escape, unescape
from tidemark.policy.policy import FILE_SYSTEM_ID
from tidemark.policy.sites import file_system_id_of
from tidemark.restore.plan import Destination, OnConflict, Plan
from tidemark.sessions.naming import restore_id as new_restore_id
from tidemark.sessions.queries import associations_in
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:  # these import pyarrow, which the help of commands does not need
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.storage.catalog import SkipIndex
    from tidemark.restore.choose import HeldPoint

CONFLICT_POLICIES = ("fail", "skip", "rename", "replace")
# Limited by the size of the metadata. If AWS Backup refuses the number, the session continues with fewer.
ITEMS_PER_JOB = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The recovery points of a file system that can be restored, and their indexes."""

    points: list[HeldPoint]  # newest first
    manifests: dict[str, Manifest]  # by index id
    newest: Manifest  # the file system's newest index
    unlisted: list[Unlisted]  # vaults that may hold more points
    without_index: int  # restorable points that no readable index describes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The options of a restore."""

    paths: list[str]  # escaped
    destination: Destination
    on_conflict: OnConflict
    items_per_job: int
    point: str | None  # ARN
    at: datetime | None
    new_file_system: NewFileSystemWish | None = None


def held_points(connection: Connection, file_system_id: str, now: datetime, skip_index: SkipIndex) -> Held:
    """Return what can be restored of a file system; raise IndexNotFound if it has no readable index."""
    from tidemark.index.storage.catalog import list_indexes

    file_system = connection.file_system(file_system_id)
    listing = _listed(connection, file_system, now)
    index_of = {
        association.recovery_point_arn: association.index_id
        for association in associations_in(connection.records, file_system)
    }
    manifests = {
        manifest.index_id: manifest
        for manifest in list_indexes(connection.repository, file_system_id, skip_index)
    }
    if not manifests:
        raise IndexNotFound(
            f"{file_system_id} has no index, so its backups cannot be searched; make one with: "
            f"tidemark run POLICY --file-system {file_system_id} --wait"
        )
    restorable = [point for point in listing.points if point.status in RESTORABLE]
    points = [
        _held(point, index_of[point.recovery_point_arn], now)
        for point in restorable
        if index_of.get(point.recovery_point_arn) in manifests
    ]
    return Held(
        points=points,
        manifests=manifests,
        newest=manifests[max(manifests)],
        unlisted=listing.unlisted,
        without_index=len(restorable) - len(points),
    )


def _listed(connection: Connection, file_system: FileSystem, now: datetime) -> Listing:
    """Return the points in the account of the file system: AWS Backup restores into a point's own account."""
    if file_system.account == connection.resources.account:
        return recovery_points_of(
            connection.clients,
            file_system,
            vaults=connection.resources.vaults,
            keys=connection.tag_keys,
            deployment=connection.deployment,
        )
    recorded = recorded_elsewhere(connection, file_system, now)
    own = [point for point in recorded if point.recorded_in == file_system.account]
    return Listing(points=own, unlisted=[])


def plan_restore(connection: Connection, file_system_id: str, held: Held, wish: Wish, now: datetime) -> Plan:
    """Return the plan of a restore. Raises RecoveryPointNotFound for an unknown point, and IndexDamaged."""
    from tidemark.restore.items import Limits
    from tidemark.restore.planner import Order, make_plan

    file_system = connection.file_system(file_system_id)
    point = None
    if wish.point is not None:
        point = next((each for each in held.points if each.recovery_point_arn == wish.point), None)
        if point is None:
            raise RecoveryPointNotFound(
                f"{file_system_id} has no recovery point {visible(wish.point)} with an index; "
                f"list its points with: tidemark recovery-points {file_system_id}"
            )
    new = None
    if wish.new_file_system is not None:
        if file_system.site != connection.resources.home:
            raise NotRestorable(
                f"{file_system_id} is in {connection.place(file_system)}, where restores go to existing file "
                f"systems only; restore to the file system itself"
            )
        efs = connection.clients.of("efs", file_system.region)
        new = settings_for(efs, file_system, wish.new_file_system)
    return make_plan(
        connection.repository,
        Order(
            plan_id=f"plan-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
            account=file_system.account,
            region=file_system.region,
            file_system_id=file_system_id,
            created_at=now,
            destination=wish.destination,
            on_conflict=wish.on_conflict,
            new_file_system=new,
        ),
        held.manifests,
        held.points,
        wish.paths,
        limits=Limits(most_items=wish.items_per_job),
        newest=held.newest,
        point=point,
        at=wish.at,
    )


def worker_policy(connection: Connection, file_system_id: str) -> str:
    """Return the name of a policy whose worker settings apply to the file system; empty if none names it."""
    for name in connection.policy_names():
        policy = connection.policy_if_any(name)
        if policy is not None and file_system_id in map(file_system_id_of, policy.file_systems):
            return name
    return ""


def restore_execution(connection: Connection, restore_id: str) -> str:
    """Return the ARN of the execution of a restore session, which is named by its file system."""
    resources = connection.resources
    named = re.search(FILE_SYSTEM_ID, restore_id)
    account = connection.file_system(named[0]).account if named else resources.account
    machine = machine_of(resources.restore_session, resources.account, account)
    return executions.execution_arn(machine, restore_id)


def split_paths(raw: bytes) -> Iterable[bytes]:
    """Return the paths of `search --print0` or `find -print0`: each ends with a NUL byte."""
    return (path for path in raw.split(b"\0") if path)


def _held(point: RecoveryPoint, index_id: str, now: datetime) -> HeldPoint:
    from tidemark.restore.choose import HeldPoint

    return HeldPoint(
        recovery_point_arn=point.recovery_point_arn,
        region=point.region,
        vault=point.vault,
        created_at=point.created_at,
        completed_at=None if point.is_copy else point.completed_at,
        index_id=index_id,
        is_cold=point.cold_at is not None and point.cold_at <= now,
        is_copy=point.is_copy,
    )


def start_restore(connection: Connection, plan: Plan, now: datetime) -> tuple[str, str]:
    """Write the plan and start its restore session; return the session's id and its execution's ARN."""
    resources = connection.resources
    restore_id = new_restore_id(plan.file_system_id, now)
    digest = write_plan(connection.clients.of("s3", resources.region), resources.repository, plan)
    file_system = FileSystem(plan.account, plan.region, plan.file_system_id)
    request = {
        "plan": plan.plan_id,
        "sha256": digest,
        "file_system": file_system.name_at(resources.home),
        "policy": worker_policy(connection, plan.file_system_id),
    }
    client = connection.clients.of("stepfunctions", resources.region)
    machine = machine_of(resources.restore_session, resources.account, plan.account)
    return restore_id, executions.start(client, machine, restore_id, request)


def checked_paths(raw_paths: Iterable[bytes]) -> list[str]:
    """Return requested paths, escaped; raise InvalidRequest for one that no backup can hold."""
    raw = list(raw_paths)
    for path in raw:
        if not path.startswith(b"/"):
            raise InvalidRequest(
                f"{quoted(escape(path))} is not a path from the root of the file system, such as /home/a.txt"
            )
        if {b".", b".."} & set(path.split(b"/")):
            raise InvalidRequest(
                f"{quoted(escape(path))} contains . or .., which are in no backup; give the path without them"
            )
    return [escape(path) for path in raw]


def destination_of(directory: str | None) -> Destination:
    """Return the destination of `--to`, escaped; None and the root are the original places."""
    if directory is None:
        return Destination(kind="in-place")
    raw = unescape(directory)
    names = [name for name in raw.split(b"/") if name not in (b"", b".")]
    if not raw.startswith(b"/") or b".." in names:
        raise InvalidRequest("name a directory from the root of the file system", option="--to")
    if not names:
        return Destination(kind="in-place")
    return Destination(kind="directory", directory="/" + escape(b"/".join(names)))


def conflict_policy(text: str) -> OnConflict:
    """Return what to do if a target exists; raise InvalidRequest."""
    if text not in CONFLICT_POLICIES:
        raise InvalidRequest(f"{text!r} is not one of {', '.join(CONFLICT_POLICIES)}", option="--on-conflict")
    return cast("OnConflict", text)


def new_file_system_wish(
    without: Sequence[str], subnets: Sequence[str], security_groups: Sequence[str]
) -> NewFileSystemWish:
    """Return the options of a restore to a new file system; raise InvalidRequest."""
    for part in without:
        if part not in PARTS:
            raise InvalidRequest(f"{quoted(part)} is not one of {', '.join(PARTS)}", option="--without")
    for option, kind, given in (("--subnet", "subnet", subnets), ("--security-group", "sg", security_groups)):
        for one in given:
            if re.fullmatch(rf"{kind}-[0-9a-f]{{8,40}}", one) is None:
                raise InvalidRequest(
                    f"{quoted(one)} is not an id such as {kind}-0123456789abcdef0", option=option
                )
    return NewFileSystemWish(
        without=cast("list[Part]", list(without)), subnets=subnets, security_groups=security_groups
    )
