"""The text of the daily report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from tidemark.aws.coverage import Coverage, paused_lines
from tidemark.policy.pause import Pause
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.session import Session, SessionStatus

MOST_LISTED = 50  # file systems or sessions in one paragraph
_A_DAY = timedelta(days=1)
_PROBLEMS = (SessionStatus.FAILED, SessionStatus.ABORTED, SessionStatus.WARNING)
_KINDS = {"restore": "restores", "drill": "drills", "test": "restore tests"}


def report_lines(
    covered: Sequence[Coverage],
    sessions: Sequence[Session],
    restores: Sequence[RestoreSession],
    pauses: Mapping[str, Pause],
    now: datetime,
    link: str | None,
) -> tuple[str, ...]:
    """Return the report of a day: its sessions and restores, and file systems that are unprotected now.

    `sessions` and `restores` are those of the last day.
    """
    unprotected = [each for each in covered if each.why]
    problems = [each for each in sessions if each.status in _PROBLEMS]
    lines = [
        f"File systems: {len(covered)}, unprotected: {len(unprotected)}.",
        f"Sessions since {now - _A_DAY:%Y-%m-%d %H:%M} UTC: {_counts(each.status for each in sessions)}.",
    ]
    for kind, name in _KINDS.items():
        own = [each.status for each in restores if each.kind == kind]
        if own:
            lines.append(f"{name.capitalize()}: {_counts(own)}.")
    if unprotected:
        lines += ["", "Unprotected:", *_listed([_unprotected(each, now) for each in unprotected])]
    if problems:
        lines += ["", "Sessions that failed or ended with a warning:"]
        lines += _listed([_problem(each) for each in problems])
    if broken := [each for each in restores if each.status in _PROBLEMS]:
        lines += ["", "Restores, drills and restore tests that failed or ended with a warning:"]
        lines += _listed([_broken(each) for each in broken])
    if pauses:
        lines += ["", "Paused policies:", *paused_lines(pauses)]
    if not (unprotected or problems or broken or pauses):
        lines += ["", "There is nothing to do."]
    lines += ["", "Details: tidemark protection"]
    if link is not None:
        lines.append(f"Dashboard: {link}")
    return tuple(lines)


def subject(covered: Sequence[Coverage], sessions: Sequence[Session]) -> str:
    """Return the subject of the report, with what needs attention."""
    unprotected = sum(bool(each.why) for each in covered)
    failed = sum(each.status in (SessionStatus.FAILED, SessionStatus.ABORTED) for each in sessions)
    return f"{unprotected} unprotected, {failed} failed, {len(sessions)} sessions"


def _counts(statuses: Iterable[SessionStatus]) -> str:
    found = list(statuses)
    texts = [f"{found.count(status)} {status.value}" for status in SessionStatus if status in found]
    return ", ".join(texts) or "none"


def _unprotected(each: Coverage, now: datetime) -> list[str]:
    if each.newest is None:
        newest = "never backed up"
    else:
        newest = f"newest backup {each.newest:%Y-%m-%d %H:%M} UTC, {(now - each.newest) // _A_DAY} days ago"
    return [
        f"  {each.file_system_id} ({', '.join(each.policies)}): {newest}; {each.why}",
        f"    {each.next_step}",
    ]


def _problem(each: Session) -> list[str]:
    head = f"  {each.policy}, {each.file_system.file_system_id}: {each.status.value}"
    return [
        head,
        *(f"    - {reason}" for reason in each.reasons),
        f"    tidemark session {each.session_id}",
    ]


def _broken(each: RestoreSession) -> list[str]:
    head = f"  {each.kind} of {each.file_system.file_system_id}: {each.status.value}"
    return [
        head,
        *(f"    - {reason}" for reason in each.reasons),
        f"    tidemark restore-session {each.restore_id}",
    ]


def _listed(items: Sequence[Sequence[str]]) -> list[str]:
    lines = [line for item in items[:MOST_LISTED] for line in item]
    if len(items) > MOST_LISTED:
        lines.append(f"  and {len(items) - MOST_LISTED} more")
    return lines
