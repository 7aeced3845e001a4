"""Whether each file system is protected as its policies request, and the next step if it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice

from tidemark.answers.connection import Connection
from tidemark.answers.points import find
from tidemark.answers.policies import pauses_of
from tidemark.answers.text import duration, moment
from tidemark.aws.recovery_points import RecoveryPoint, Unlisted
from tidemark.policy.pause import Pause
from tidemark.policy.policy import CopyTarget, Policy
from tidemark.policy.sites import file_system_id_of
from tidemark.policy.upcoming import next_runs
from tidemark.policy.windows import shortest_interval_minutes
from tidemark.sessions.damage_alarms import DamageAlarm, read_alarm
from tidemark.sessions.queries import sessions_of
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restores import restores_since
from tidemark.sessions.session import Session, SessionStatus

_AT_ONCE = 4  # file systems
_SOONEST_LATE = timedelta(hours=26)  # a backup is not late before this age, whatever its schedule
_UNTIL_COPIED = timedelta(days=1)  # copies to other Regions take hours
_UNTIL_INDEXED = timedelta(hours=6)
_A_YEAR = timedelta(days=366)
_USABLE = {"AVAILABLE", "COMPLETED"}


class Level(StrEnum):
    """How bad a finding is, or all findings of a file system together."""

    OK = "ok"
    WARNING = "warning"  # there are backups, and something that the policy requests is missing
    UNPROTECTED = "unprotected"  # no usable or no recent backup


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong, and the command or action that helps."""

    level: Level
    what: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """The copies that a policy requests in one vault."""

    target: CopyTarget
    newest: RecoveryPoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """The protection of one file system."""

    file_system_id: str
    policies: tuple[Policy, ...]
    newest: RecoveryPoint | None  # the newest usable backup
    index_id: str | None  # of the newest backup
    backups: int  # usable ones
    copies: tuple[Copies, ...]
    session: Session | None  # the last one
    drill: RestoreSession | None  # the last one of the past year
    alarm: DamageAlarm | None  # the open one
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The level of the worst finding."""
        levels = [finding.level for finding in self.findings]
        return next((each for each in (Level.UNPROTECTED, Level.WARNING) if each in levels), Level.OK)


def protections(connection: Connection, now: datetime) -> list[Protection]:
    """Return the protection of each file system that a policy names, the worst first.

    Makes one listing of each vault for each file system, and one request for the tags of each point.
    """
    policies = connection.policies()
    pauses = pauses_of(connection, [policy.name for policy in policies], now)
    ids = sorted({each for policy in policies for each in policy.file_systems})
    drills: dict[str, RestoreSession] = {}
    for each in restores_since(connection.records, now - _A_YEAR, now):
        if each.kind == "drill":
            drills.setdefault(each.file_system.file_system_id, each)

    def of(file_system_id: str) -> Protection:
        its_own = tuple(policy for policy in policies if file_system_id in policy.file_systems)
        points = find(connection, file_system_id)
        file_system = connection.file_system(file_system_id)
        session = next(sessions_of(connection.records, file_system), None)
        alarm = read_alarm(connection.records, file_system)
        return protection_of(
            file_system_id,
            its_own,
            points.points,
            points.unlisted,
            session,
            drills.get(file_system_id_of(file_system_id)),
            now,
            pauses=pauses,
            alarm=alarm if alarm is not None and alarm.is_open else None,
        )

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        result = list(pool.map(of, ids))
    order = (Level.UNPROTECTED, Level.WARNING, Level.OK)
    return sorted(result, key=lambda each: (order.index(each.level), each.file_system_id))


def protection_of(
    file_system_id: str,
    policies: Sequence[Policy],
    points: Sequence[tuple[RecoveryPoint, str | None]],
    unlisted: Sequence[Unlisted],
    session: Session | None,
    drill: RestoreSession | None,
    now: datetime,
    *,
    pauses: Mapping[str, Pause] | None = None,
    alarm: DamageAlarm | None = None,
) -> Protection:
    """Return the protection that follows from these facts: the points, newest first, with their index."""
    usable = [(point, index_id) for point, index_id in points if point.status in _USABLE]
    backups = [(point, index_id) for point, index_id in usable if not point.is_copy]
    newest, index_id = backups[0] if backups else (None, None)
    copies = tuple(
        Copies(target=target, newest=_newest_copy([point for point, _ in usable], target))
        for policy in policies
        for target in policy.copies
    )
    findings = [
        *_damage_findings(file_system_id, alarm),
        *_backup_findings(file_system_id, policies, newest, now),
        *_pause_findings(policies, pauses or {}),
        *_copy_findings(file_system_id, newest, copies, now),
        *_index_findings(file_system_id, policies, newest, index_id, now),
        *_session_findings(session),
        *_drill_findings(file_system_id, policies, newest, drill, now),
    ]
    for point, _ in points[:1]:
        findings += [
            Finding(
                level=Level.WARNING,
                what=f"The tags of the newest point cannot be trusted: {problem.message}",
                next_step=f"tidemark recovery-points {file_system_id}",
            )
            for problem in point.tags.problems
        ]
    findings += [
        Finding(
            level=Level.WARNING,
            what=f"The vault {each.vault} in {each.region} could not be listed: {each.error}",
            next_step=f"tidemark recovery-points {file_system_id}",
        )
        for each in unlisted
    ]
    return Protection(
        file_system_id=file_system_id,
        policies=tuple(policies),
        newest=newest,
        index_id=index_id,
        backups=len(backups),
        copies=copies,
        session=session,
        drill=drill,
        alarm=alarm,
        findings=tuple(findings),
    )


def _newest_copy(points: Sequence[RecoveryPoint], target: CopyTarget) -> RecoveryPoint | None:
    return next(
        (
            point
            for point in points
            if point.is_copy and (point.region, point.vault) == (target.region, target.vault)
        ),
        None,
    )


def _damage_findings(file_system_id: str, alarm: DamageAlarm | None) -> Iterator[Finding]:
    if alarm is not None:
        what = (
            f"The changes since index {alarm.first_index_id} look like damage: {'; '.join(alarm.findings)}."
        )
        yield Finding(level=Level.WARNING, what=what, next_step=f"tidemark damage show {file_system_id}")


def _backup_findings(
    file_system_id: str, policies: Sequence[Policy], newest: RecoveryPoint | None, now: datetime
) -> Iterator[Finding]:
    run = f"tidemark run {policies[0].name} --file-system {file_system_id} --wait" if policies else ""
    if newest is None:
        yield Finding(level=Level.UNPROTECTED, what="There is no backup.", next_step=run)
        return
    scheduled = [policy for policy in policies if policy.schedule or policy.calendar]
    if not scheduled:
        yield Finding(
            level=Level.WARNING,
            what="No policy has a schedule, so backups are made only by hand.",
            next_step="add a schedule to the policy in tidemark.yaml, and deploy",
        )
        return
    age = now - newest.created_at
    late = [policy for policy in scheduled if _second_run(policy, newest.created_at) < now]
    if late and age > _SOONEST_LATE:
        yield Finding(
            level=Level.UNPROTECTED,
            what=f"The newest backup is {duration(age)} old; policy {late[0].name} has had two runs since.",
            next_step=run,
        )


def _second_run(policy: Policy, after: datetime) -> datetime:
    """Return when the second run of a policy after a time was or will be due."""
    if policy.schedule is not None and policy.schedule.is_rate:
        return after + 2 * timedelta(minutes=shortest_interval_minutes(policy.schedule.expression))
    runs = [run.at for run in islice(next_runs(policy, after), 2)]
    return runs[1] if len(runs) == 2 else datetime.max.replace(tzinfo=UTC)


def _pause_findings(policies: Sequence[Policy], pauses: Mapping[str, Pause]) -> Iterator[Finding]:
    for policy in policies:
        pause = pauses.get(policy.name)
        if pause is not None:
            until = "" if pause.until is None else f" until {moment(pause.until)} UTC"
            reason = f": {pause.reason}" if pause.reason else ""
            yield Finding(
                level=Level.WARNING,
                what=f"Policy {policy.name} is paused{until} by {pause.by}{reason}",
                next_step=f"tidemark policy resume {policy.name}",
            )


def _copy_findings(
    file_system_id: str, newest: RecoveryPoint | None, copies: Sequence[Copies], now: datetime
) -> Iterator[Finding]:
    settled = newest is not None and now - newest.created_at >= _UNTIL_COPIED
    for each in copies:
        where = f"{each.target.region}, vault {each.target.vault}"
        look = f"tidemark sessions --file-system {file_system_id}"
        if each.target.account is not None:
            continue  # the vaults of other accounts are not listed
        if newest is not None and each.newest is None:
            yield Finding(level=Level.WARNING, what=f"There is no copy in {where}.", next_step=look)
        elif settled and newest and each.newest and each.newest.created_at < newest.created_at:
            what = f"The newest copy in {where} is not of the newest backup, but of"
            what += f" {moment(each.newest.created_at)}."
            yield Finding(level=Level.WARNING, what=what, next_step=look)


def _index_findings(
    file_system_id: str,
    policies: Sequence[Policy],
    newest: RecoveryPoint | None,
    index_id: str | None,
    now: datetime,
) -> Iterator[Finding]:
    wanted = any(policy.index for policy in policies)
    if wanted and newest is not None and index_id is None and now - newest.created_at > _UNTIL_INDEXED:
        yield Finding(
            level=Level.WARNING,
            what="The newest backup has no index, so its files cannot be searched or restored by name.",
            next_step=f"tidemark sessions --file-system {file_system_id}",
        )


def _session_findings(session: Session | None) -> Iterator[Finding]:
    if session is None or session.status in (SessionStatus.RUNNING, SessionStatus.SUCCESS):
        return
    reasons = "; ".join(session.reasons) or "no reason was recorded"
    yield Finding(
        level=Level.WARNING,
        what=f"The last session ended with {session.status.value}: {reasons}",
        next_step=f"tidemark session {session.session_id}",
    )


def _drill_findings(
    file_system_id: str,
    policies: Sequence[Policy],
    newest: RecoveryPoint | None,
    drill: RestoreSession | None,
    now: datetime,
) -> Iterator[Finding]:
    again = f"tidemark drill {file_system_id} --yes --wait"
    if drill is not None and drill.status not in (SessionStatus.RUNNING, SessionStatus.SUCCESS):
        reasons = "; ".join(drill.reasons) or "no reason was recorded"
        what = f"The last drill ended with {drill.status.value}: {reasons}"
        yield Finding(
            level=Level.WARNING, what=what, next_step=f"tidemark restore-session {drill.restore_id}"
        )
    schedules = [policy.drill.schedule for policy in policies if policy.drill.schedule is not None]
    if not schedules or newest is None:
        return
    interval = timedelta(minutes=min(shortest_interval_minutes(each.expression) for each in schedules))
    if drill is not None and now - drill.started_at > max(2 * interval, _SOONEST_LATE):
        age = duration(now - drill.started_at)
        what = f"The last drill was {age} ago; the schedule makes one every {duration(interval)}."
        yield Finding(level=Level.WARNING, what=what, next_step=again)
