"""The values that pass between the steps of a session, as Step Functions carries them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import NotRequired, TypedDict

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
    finished: bool
    waited_seconds: int  # before this answer
    wait_seconds: int  # until it is worth asking again


class CopyJobValue(JobValue):
    """A copy job, with where the copy goes."""

    target: CopyTargetValue


class Failure(TypedDict):
    """What a Catch hands over."""

    Error: str
    Cause: NotRequired[str]  # a timeout has none


def words(failure: Failure) -> str:
    """Return what went wrong as one sentence: the message of the step's error, not its JSON."""
    cause = failure.get("Cause") or ""
    try:
        message = json.loads(cause).get("errorMessage") or cause
    except (ValueError, AttributeError):
        message = cause
    return str(message) or failure["Error"]


def started_job(job_id: str, recovery_point_arn: str) -> JobValue:
    """Return a job that has just been started."""
    return {
        "job_id": job_id,
        "recovery_point_arn": recovery_point_arn,
        "finished": False,
        "waited_seconds": 0,
        "wait_seconds": int(next_wait(timedelta()).total_seconds()),
    }


def checked_job(job: JobValue, recovery_point_arn: str, *, finished: bool) -> JobValue:
    """Return a job as it stands after the wait it had asked for."""
    waited = timedelta(seconds=job["waited_seconds"] + job["wait_seconds"])
    return {
        "job_id": job["job_id"],
        "recovery_point_arn": recovery_point_arn or job["recovery_point_arn"],
        "finished": finished,
        "waited_seconds": int(waited.total_seconds()),
        "wait_seconds": int(next_wait(waited).total_seconds()),
    }
