"""Release a damage alarm: accept its changes, and set the retention of the held points back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tidemark.answers.connection import Connection
from tidemark.aws.damage_hold import set_back
from tidemark.sessions.damage_alarms import DamageAlarm, HeldPoint, read_alarm, release_alarm, update_alarm


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A released alarm."""

    alarm: DamageAlarm
    set_back: tuple[HeldPoint, ...]  # points with the retention that they had before the alarm
    problems: tuple[str, ...]  # why others keep the longer one; another release tries again


def alarm_of(connection: Connection, file_system_id: str) -> DamageAlarm | None:
    """Return the recorded alarm of a file system; None if it has none, or has nothing left to release."""
    alarm = read_alarm(connection.records, connection.file_system(file_system_id))
    return alarm if alarm is not None and (alarm.is_open or alarm.held) else None


def release(connection: Connection, alarm: DamageAlarm, now: datetime) -> Released:
    """Accept the changes up to the alarm's newest index, so that copies start again. Idempotent.

    An alarm that was raised by a newer index meanwhile stays open, and its points stay held.
    """
    alarm = release_alarm(connection.records, alarm, now)
    if alarm.is_open:
        return Released(alarm=alarm, set_back=(), problems=())
    done: list[HeldPoint] = []
    left: list[HeldPoint] = []
    problems: list[str] = []
    for point in alarm.held:
        problem = _set_back(connection, point, now)
        (left if problem else done).append(point)
        problems += [problem] if problem else []
    alarm = update_alarm(connection.records, alarm, held=tuple(left), holds=False, problems=tuple(problems))
    return Released(alarm=alarm, set_back=tuple(done), problems=tuple(problems))


def _set_back(connection: Connection, point: HeldPoint, now: datetime) -> str:
    if point.account != connection.resources.account:
        keep = "-1" if point.keep_days is None else point.keep_days
        return (
            f"{point.recovery_point_arn} is in account {point.account}; there, run: aws backup "
            f"update-recovery-point-lifecycle --region {point.region} --backup-vault-name {point.vault} "
            f"--recovery-point-arn {point.recovery_point_arn} --lifecycle DeleteAfterDays={keep},"
            f"MoveToColdStorageAfterDays={point.cold_after_days or -1}"
        )
    return set_back(lambda _account: connection.clients, point, now)
