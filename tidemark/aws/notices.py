"""The texts of notifications: what happened, why, and the next step."""

from __future__ import annotations

from collections.abc import Sequence

from tidemark.policy.policy import Notified, NotifySettings
from tidemark.sessions.session import Session, SessionStatus

MOST_LISTED = 50  # sessions in one message
_KINDS: dict[SessionStatus, Notified] = {
    SessionStatus.SUCCESS: "success",
    SessionStatus.WARNING: "warning",
    SessionStatus.FAILED: "failure",
}


def is_notified(
    settings: NotifySettings | None, status: SessionStatus, *, retries_left: int, redriven: bool
) -> bool:
    """Return whether subscribers are notified of the end of a session when it ends.

    A failure that may be retried is held back, until policy-run has decided whether it is. Nothing retries
    a session that a user has redriven.
    """
    settings = settings or NotifySettings()
    if _KINDS.get(status) not in settings.on:
        return False
    held_back = status is SessionStatus.FAILED and is_held_back(settings, retries_left)
    return redriven or not held_back


def is_held_back(settings: NotifySettings | None, retries_left: int) -> bool:
    """Return whether failures of an attempt are notified only when no retry follows."""
    return retries_left > 0 and (settings or NotifySettings()).after_last_retry


def session_lines(session: Session, system: str, link: str | None) -> tuple[str, ...]:
    """Return the message about an ended session; `system` is the name of its file system in the policy."""
    made = sum(point.kind == "backup" for point in session.points)
    copies = len(session.points) - made
    lines = [f"{session.policy}: {system} ended with {session.status.value}"]
    if session.reasons:
        lines += ["", "Why:", *(f"  - {reason}" for reason in session.reasons)]
    lines += ["", f"Recovery points: {made}, copies: {copies}, index: {session.index_id or 'none'}."]
    lines += ["", "Next step:", f"  show the steps of the session: tidemark session {session.session_id}"]
    if session.status in (SessionStatus.FAILED, SessionStatus.WARNING):
        again = f"tidemark run {session.policy} --file-system {system} --wait"
        lines.append(f"  back up again when the cause is fixed: {again}")
    if link is not None:
        lines.append(f"  execution in the console: {link}")
    return tuple(lines)


def run_lines(
    policy: str, failures: Sequence[tuple[str, Sequence[str]]], retried: int, why_ended: str, link: str | None
) -> tuple[str, ...]:
    """Return the message about file systems of a run without a new recovery point, with their reasons."""
    count = "1 file system" if len(failures) == 1 else f"{len(failures)} file systems"
    after = "" if not retried else " after 1 retry" if retried == 1 else f" after {retried} retries"
    lines = [f"{policy}: {count} without a new recovery point{after}"]
    if why_ended:
        lines.append(f"There is no further retry, because {why_ended}.")
    lines += ["", "Why:"]
    for system, reasons in failures[:MOST_LISTED]:
        lines.append(f"  {system}")
        lines += [f"    - {reason}" for reason in reasons]
    if len(failures) > MOST_LISTED:
        lines.append(f"  and {len(failures) - MOST_LISTED} more: tidemark sessions --policy {policy}")
    lines += ["", "Next step:", f"  show what is wrong: tidemark check {policy}"]
    named = [system for system, _ in failures[:MOST_LISTED]]
    lines.append("  back up again when the cause is fixed:")
    lines += [f"    tidemark run {policy} --file-system {system} --wait" for system in named]
    if link is not None:
        lines.append(f"  or redrive the execution in the console: {link}")
    return tuple(lines)
