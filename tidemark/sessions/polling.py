"""How long to wait before asking AWS Backup again about a job."""

from __future__ import annotations

from datetime import timedelta

_SHORTEST = timedelta(seconds=15)
_LONGEST = timedelta(minutes=5)
# A job that has run for a day is asked about every half hour: a week of five-minute polls, for the backup and
# for each copy, would come near the 25,000 history events of one execution.
_PATIENT_AFTER = timedelta(days=1)
_PATIENT = timedelta(minutes=30)


def next_wait(elapsed: timedelta) -> timedelta:
    """Return the time to wait when a job has been running for `elapsed`: as long again, within bounds.

    Doubling what has passed keeps a ten-minute job to six polls, and a job is noticed to be finished after at
    most twice its duration while it is short, five minutes late while it is long.
    """
    if elapsed > _PATIENT_AFTER:
        return _PATIENT
    return min(max(elapsed, _SHORTEST), _LONGEST)
