"""Poll intervals for AWS Backup jobs."""

from __future__ import annotations

from datetime import timedelta

_SHORTEST = timedelta(seconds=20)
_LONGEST_OF_A_SHORT_JOB = timedelta(minutes=5)
_LONGEST = timedelta(hours=1)
_PATIENCE = 24


def next_wait(waited: timedelta) -> timedelta:
    """Return the time until the next poll of a job: the time waited so far, within bounds.

    Doubling the total wait keeps a ten-minute job to six polls. The end of a job is detected late by at most
    its duration, and at most five minutes (1/24 of the duration for a job of more than two hours). This keeps
    a week of backup and a week of each of four copies at half the 25,000 history events of an execution.
    The result depends on the time waited and not on a clock, so that a retried step gets the same result.
    """
    longest = min(max(_LONGEST_OF_A_SHORT_JOB, waited / _PATIENCE), _LONGEST)
    return min(max(waited, _SHORTEST), longest)
