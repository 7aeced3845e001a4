"""How well file systems are covered by backups, as far as the records of sessions show.

`tidemark protection` also asks AWS Backup which points exist; this reads one query per file system.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from tidemark.policy.lateness import has_schedule, late_policy
from tidemark.policy.pause import Pause
from tidemark.policy.policy import Policy
from tidemark.sessions.queries import sessions_of
from tidemark.sessions.session import FileSystem
from tidemark.sessions.transactions import Store

_AT_ONCE = 8  # queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The newest backup of a file system, and what is wrong with it."""

    file_system_id: str
    policies: tuple[str, ...]
    newest: datetime | None  # UTC; None: none is recorded
    why: str  # why it is unprotected; empty if it is not
    next_step: str  # the command that helps


def coverages(
    store: Store, policies: Sequence[Policy], file_system: Callable[[str], FileSystem], now: datetime
) -> list[Coverage]:
    """Return the coverage of each file system that a policy names, unprotected ones first."""
    ids = sorted({each for policy in policies for each in policy.file_systems})

    def of(file_system_id: str) -> Coverage:
        own = [policy for policy in policies if file_system_id in policy.file_systems]
        return coverage(file_system_id, own, newest_backup(store, file_system(file_system_id)), now)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(of, ids))
    return sorted(found, key=lambda each: (not each.why, each.file_system_id))


def coverage(
    file_system_id: str, policies: Sequence[Policy], newest: datetime | None, now: datetime
) -> Coverage:
    """Return the coverage that follows from the newest backup.

    A file system whose policies have no schedule is not unprotected: its users decide when to back up.
    """
    why = next_step = ""
    scheduled = [policy for policy in policies if has_schedule(policy)]
    late = late_policy(scheduled, newest, now) if newest is not None else None
    if scheduled and newest is None:
        why = "there is no backup"
    elif late is not None:
        why = f"policy {late.name} has had two runs since the newest backup"
    if why:
        next_step = f"tidemark run {(late or scheduled[0]).name} --file-system {file_system_id} --wait"
    names = tuple(policy.name for policy in policies)
    return Coverage(
        file_system_id=file_system_id, policies=names, newest=newest, why=why, next_step=next_step
    )


def newest_backup(store: Store, file_system: FileSystem) -> datetime | None:
    """Return when the newest recorded backup of a file system was completed (UTC); None without one."""
    for session in sessions_of(store, file_system):
        backups = [point.completed_at for point in session.points if point.kind == "backup"]
        if backups:
            return max(backups)
    return None


def paused_lines(pauses: Mapping[str, Pause]) -> list[str]:
    """Return a line for each paused policy, with the command that ends the pause."""
    lines = []
    for name, pause in sorted(pauses.items()):
        until = "" if pause.until is None else f" until {pause.until:%Y-%m-%d %H:%M} UTC"
        reason = f": {pause.reason}" if pause.reason else ""
        since = f"{pause.since:%Y-%m-%d %H:%M} UTC"
        lines += [
            f"  {name} since {since}{until} by {pause.by}{reason}",
            f"    tidemark policy resume {name}",
        ]
    return lines
