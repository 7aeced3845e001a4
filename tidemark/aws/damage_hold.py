"""Postpones the deletion of recovery points while a damage alarm is open, and sets it back afterwards.

Sources: AWS Backup API Reference, UpdateRecoveryPointLifecycle: both numbers of a lifecycle must be passed,
the retention must exceed the move to cold storage by 90 days, and that move cannot change after it has taken
place; PutBackupVaultLockConfiguration: a locked vault refuses every change of a retention.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import code_of, is_denied, message_of
from tidemark.policy.policy import LONGEST_KEEP_DAYS, SHORTEST_COLD_DAYS
from tidemark.sessions.damage_alarms import DamageAlarm, HeldPoint
from tidemark.sessions.queries import associations_in
from tidemark.sessions.records import read_session
from tidemark.sessions.session import Point
from tidemark.sessions.transactions import Store

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_backup.type_defs import LifecycleTypeDef

LEAST_DAYS_AFTER_RELEASE = 7  # so that AWS Backup does not delete a point as soon as it is released
_OLDER_INDEXES = 5  # tried if the points of the last good index no longer exist
# By a locked vault, for a lifecycle that AWS Backup does not accept, or because the point was deleted.
_REFUSALS = {"InvalidRequestException", "InvalidParameterValueException", "ResourceNotFoundException"}
_DAY = timedelta(days=1)

ClientsOf = Callable[[str], Clients]  # by account


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The points to hold, and why others cannot be held."""

    points: tuple[HeldPoint, ...]
    problems: tuple[str, ...]


def last_good_points(records: Store, alarm: DamageAlarm) -> Iterator[tuple[str, list[Point]]]:
    """Yield the ids of the newest indexes before the damage, newest first, with their recorded points."""
    found: dict[str, list[str]] = {}
    session_of: dict[str, str] = {}
    for association in associations_in(records, alarm.file_system):
        if association.index_id <= alarm.last_good_index_id:
            found.setdefault(association.index_id, []).append(association.recovery_point_arn)
            session_of[association.recovery_point_arn] = association.session_id
    for index_id in sorted(found, reverse=True)[:_OLDER_INDEXES]:
        sessions = (read_session(records, each) for each in {session_of[arn] for arn in found[index_id]})
        points = [point for session in sessions for point in session.points]
        yield index_id, [point for point in points if point.recovery_point_arn in found[index_id]]


def plan_hold(
    clients_of: ClientsOf, records: Store, alarm: DamageAlarm, hold_days: int, now: datetime
) -> Planned:
    """Return which points to keep for `hold_days` from now, with their present retention.

    Points that are kept for longer anyway are not among them. Without any point of the last good index, those
    of the newest earlier index with points are held.
    """
    problems: list[str] = []
    for _, points in last_good_points(records, alarm):
        held, kept = [], False
        for point in points:
            try:
                answer = _client(clients_of, point).describe_recovery_point(
                    BackupVaultName=point.vault, RecoveryPointArn=point.recovery_point_arn
                )
            except ClientError as error:
                if not _is_refusal(error):
                    raise
                problems.append(f"{point.recovery_point_arn} is not held: {message_of(error)}")
                continue
            kept = True
            lifecycle = answer.get("Lifecycle", {})
            keep, cold = _days(lifecycle, "DeleteAfterDays"), _days(lifecycle, "MoveToColdStorageAfterDays")
            wanted = min(-(-(now + hold_days * _DAY - answer["CreationDate"]) // _DAY), LONGEST_KEEP_DAYS)
            wanted = max(wanted, 0 if cold is None else cold + SHORTEST_COLD_DAYS)
            if keep is not None and keep < wanted:
                held.append(
                    HeldPoint(
                        recovery_point_arn=point.recovery_point_arn,
                        account=point.account,
                        region=point.region,
                        vault=point.vault,
                        keep_days=keep,
                        cold_after_days=cold,
                        held_days=wanted,
                    )
                )
        if kept:
            return Planned(points=tuple(held), problems=tuple(problems))
    return Planned(points=(), problems=(*problems, "no recovery point before the damage exists"))


def hold(clients_of: ClientsOf, point: HeldPoint) -> str:
    """Postpone the deletion of a point. Return why that was not possible, or an empty string. Idempotent.

    Call this after the point is recorded: its retention before would be lost otherwise.
    """
    return _set(_client(clients_of, point), point, point.held_days)


def set_back(clients_of: ClientsOf, point: HeldPoint, now: datetime) -> str:
    """Set the retention of a point back. Return why that was not possible, or an empty string. Idempotent.

    A point whose time has passed is kept for a week. A point that no longer exists needs nothing.
    """
    client = _client(clients_of, point)
    try:
        answer = client.describe_recovery_point(
            BackupVaultName=point.vault, RecoveryPointArn=point.recovery_point_arn
        )
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return ""
        if not _is_refusal(error):
            raise
        return f"{point.recovery_point_arn} cannot be described: {message_of(error)}"
    age = (now - answer["CreationDate"]) // _DAY
    keep = LONGEST_KEEP_DAYS if point.keep_days is None else point.keep_days
    return _set(client, point, max(keep, age + LEAST_DAYS_AFTER_RELEASE))


def _client(clients_of: ClientsOf, point: Point | HeldPoint) -> BackupClient:
    return clients_of(point.account).of("backup", point.region)


def _set(client: BackupClient, point: HeldPoint, days: int) -> str:
    lifecycle: LifecycleTypeDef = {"DeleteAfterDays": days}
    if point.cold_after_days is not None:
        lifecycle["MoveToColdStorageAfterDays"] = point.cold_after_days
    try:
        client.update_recovery_point_lifecycle(
            BackupVaultName=point.vault, RecoveryPointArn=point.recovery_point_arn, Lifecycle=lifecycle
        )
    except ClientError as error:
        if not _is_refusal(error):
            raise
        where = f"{point.recovery_point_arn} in vault {point.vault} ({point.region})"
        return f"the retention of {where} is unchanged: {message_of(error)}"
    return ""


def _days(lifecycle: LifecycleTypeDef, name: str) -> int | None:
    """Return a number of days of a lifecycle; None if it has none, or forever."""
    days = lifecycle.get(name)
    return days if isinstance(days, int) and days > 0 else None


def _is_refusal(error: ClientError) -> bool:
    """Return whether another attempt would have the same result."""
    return code_of(error) in _REFUSALS or is_denied(error)
