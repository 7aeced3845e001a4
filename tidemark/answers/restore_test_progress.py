"""The steps of a restore test, from its record and the worker's progress file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemark.answers.session_progress import State, Step
from tidemark.answers.text import count, visible
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restore_test import RestoreTest
from tidemark.sessions.session import SessionStatus

_COUNTED = ("missing", "different", "extra", "unreadable", "not_compared", "changed_since_backup")


def steps_of_test(
    session: RestoreSession, test: RestoreTest, progress: Mapping[str, Any] | None, took: str
) -> list[Step]:
    """Return the steps of a restore test in their order; `took` is the time so far."""
    return [_restored(session), _verified(session, progress, took), _answered(session, test)]


def _restored(session: RestoreSession) -> Step:
    job = session.jobs[0]
    text = f"AWS Backup restored it to {session.target}" if job.is_done else visible(job.message)
    return Step(name="restore", state=State.DONE if job.is_done else State.FAILED, detail=text)


def _verified(session: RestoreSession, progress: Mapping[str, Any] | None, took: str) -> Step:
    totals = session.totals
    if totals:
        counts = [count(totals.get("compared", 0), "entry", "entries")]
        counts += [f"{totals[name]:,} {name.replace('_', ' ')}" for name in _COUNTED if totals.get(name)]
        return Step(name="verify", state=State.DONE, detail=", ".join(counts))
    if session.status is not SessionStatus.RUNNING:
        return Step(name="verify", state=State.FAILED, detail="the restored file system was not verified")
    if session.phase != "verifying":
        return Step(name="verify", state=State.WAITING, detail=f"{session.phase}, {took} so far")
    crawled = (progress or {}).get("totals", {}).get("crawled", 0)
    detail = f"{count(crawled, 'entry', 'entries')} crawled, {took} so far"
    return Step(name="verify", state=State.RUNNING, detail=detail)


def _answered(session: RestoreSession, test: RestoreTest) -> Step:
    if test.answer:
        return Step(name="answer", state=State.DONE, detail=f"AWS Backup has the result {test.answer}")
    if session.status is SessionStatus.RUNNING:
        return Step(name="answer", state=State.WAITING, detail="after the verification")
    return Step(name="answer", state=State.FAILED, detail="AWS Backup has no result")
