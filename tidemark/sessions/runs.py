"""The runs of policies, which consist of one session for each file system, and its reruns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidemark.sessions.naming import moment_of
from tidemark.sessions.session import Session, SessionStatus

_RERUN = re.compile(r"-r([0-9]+)$")
# The time that names a run is the caller's, and AWS's clock may be behind it.
_CLOCKS_DIFFER = timedelta(minutes=15)
_WORST_FIRST = (
    SessionStatus.FAILED,
    SessionStatus.ABORTED,
    SessionStatus.RUNNING,
    SessionStatus.WARNING,
    SessionStatus.SUCCESS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRun:
    """A run of a policy: the last session of each of its file systems."""

    policy: str
    at: datetime  # UTC; the scheduled time, or that of the call
    sessions: tuple[Session, ...]  # by file system

    @property
    def status(self) -> SessionStatus:
        """The worst status of its sessions; a running one counts as worse than a warning."""
        found = {session.status for session in self.sessions}
        return next(status for status in _WORST_FIRST if status in found)

    @property
    def ended_at(self) -> datetime | None:
        """When its last session ended; None while one is running."""
        ends = [session.ended_at for session in self.sessions]
        return None if None in ends else max(end for end in ends if end is not None)

    def number(self, status: SessionStatus) -> int:
        """Return the number of its sessions with a status."""
        return sum(session.status is status for session in self.sessions)


def last_runs(sessions: Iterable[Session], policies: Collection[str]) -> dict[str, PolicyRun]:
    """Return the last run of each policy that has one. `sessions` come newest first.

    Reads no further than necessary: a run has no session that was opened before the time that names it.
    """
    newest: dict[str, datetime] = {}
    found: dict[tuple[str, datetime], list[Session]] = {}
    complete: set[str] = set()
    for session in sessions:
        if session.policy in policies and session.policy not in complete:
            moment = run_moment(session)
            found.setdefault((session.policy, moment), []).append(session)
            newest[session.policy] = max(moment, newest.get(session.policy, moment))
        complete |= {name for name, at in newest.items() if session.opened_at < at - _CLOCKS_DIFFER}
        if len(complete) == len(policies):
            break
    return {
        name: PolicyRun(policy=name, at=at, sessions=_last_of_each(found[name, at]))
        for name, at in newest.items()
    }


def run_moment(session: Session) -> datetime:
    """Return the time that names the session's run; that of its opening if its name contains none."""
    return moment_of(_RERUN.sub("", session.session_id)) or session.opened_at


def rerun_number(session_id: str) -> int:
    """Return the number of a rerun: 2 for `...-r2`, 0 for the first session."""
    match = _RERUN.search(session_id)
    return int(match[1]) if match else 0


def _last_of_each(sessions: Iterable[Session]) -> tuple[Session, ...]:
    last: dict[str, Session] = {}
    for session in sorted(sessions, key=lambda each: (rerun_number(each.session_id), each.opened_at)):
        last[str(session.file_system)] = session
    return tuple(last[name] for name in sorted(last))
