"""Values that Step Functions passes between the steps of a session."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import NotRequired, TypedDict

from tidemark.sessions.polling import next_wait


class CopyTargetValue(TypedDict):
    """A vault that receives a copy."""

    region: str
    vault: str
    account: str | None
    keep_days: int | None
    cold_after_days: NotRequired[int]  # absent: the copy stays in warm storage


class SessionValue(TypedDict):
    """The data of an opened session that later steps need."""

    session_id: str
    policy: str
    file_system: str  # fs-...
    index_wanted: bool
    copies: list[CopyTargetValue]


class JobValue(TypedDict):
    """A running backup or copy job."""

    job_id: str
    recovery_point_arn: str  # empty until AWS Backup reports it
    finished: bool
    waited_seconds: int  # before this poll
    wait_seconds: int  # until the next poll


class CopyJobValue(JobValue):
    """A copy job and its destination."""

    target: CopyTargetValue


class Failure(TypedDict):
    """The error output of a Catch."""

    Error: str
    Cause: NotRequired[str]  # a timeout has none


def words(failure: Failure) -> str:
    """Return the message of the step's error, without its JSON."""
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
    """Return the job after its wait, with the next wait."""
    waited = timedelta(seconds=job["waited_seconds"] + job["wait_seconds"])
    return {
        "job_id": job["job_id"],
        "recovery_point_arn": recovery_point_arn or job["recovery_point_arn"],
        "finished": finished,
        "waited_seconds": int(waited.total_seconds()),
        "wait_seconds": int(next_wait(waited).total_seconds()),
    }
