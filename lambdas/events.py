"""The values that pass between the steps of a session, as Step Functions carries them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TypedDict

from tidemark.sessions.polling import next_wait


class CopyTargetValue(TypedDict):
    """Another vault that gets a copy."""

    region: str
    vault: str
    account: str | None
    keep_days: int | None


class SessionValue(TypedDict):
    """What the later steps need of an opened session."""

    session_id: str
    policy: str
    file_system: str  # fs-...
    index_wanted: bool
    copies: list[CopyTargetValue]


class JobValue(TypedDict):
    """A backup or copy job under way."""

    job_id: str
    recovery_point_arn: str  # empty while AWS Backup has not named it
    started_at: str  # ISO 8601, UTC
    finished: bool
    wait_seconds: int  # until it is worth asking again


class CopyJobValue(JobValue):
    """A copy job, with where the copy goes."""

    target: CopyTargetValue


class Failure(TypedDict):
    """What a Catch hands over."""

    Error: str
    Cause: str


def words(failure: Failure) -> str:
    """Return what went wrong as one sentence: the message of the step's error, not its JSON."""
    cause = failure.get("Cause") or ""
    try:
        message = json.loads(cause).get("errorMessage") or cause
    except (ValueError, AttributeError):
        message = cause
    return str(message) or failure["Error"]


def job_value(
    *, job_id: str, recovery_point_arn: str, started_at: datetime, finished: bool, now: datetime
) -> JobValue:
    """Return a job with the time to wait before the next question."""
    return {
        "job_id": job_id,
        "recovery_point_arn": recovery_point_arn,
        "started_at": started_at.isoformat(),
        "finished": finished,
        "wait_seconds": int(next_wait(now - started_at).total_seconds()),
    }
