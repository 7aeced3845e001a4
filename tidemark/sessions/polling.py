"""How long to wait before asking AWS Backup again about a job."""

from __future__ import annotations

from datetime import timedelta

_SHORTEST = timedelta(seconds=20)
_LONGEST_OF_A_SHORT_JOB = timedelta(minutes=5)
_LONGEST = timedelta(hours=1)
_PATIENCE = 24


def next_wait(waited: timedelta) -> timedelta:
    """Return the time to wait when a job has been waited for so long already: as long again, within bounds.

    Doubling what has passed keeps a ten-minute job to six polls. The end of a job is noticed late by at most
    its duration, five minutes, or, of a job of more than two hours, a 24th of it. That keeps a week of
    backup and a week of each of four copies at half the 25,000 history events that an execution may have.
    What has been waited decides, not a clock, so that a step that is run again asks for the same.
    """
    longest = min(max(_LONGEST_OF_A_SHORT_JOB, waited / _PATIENCE), _LONGEST)
    return min(max(waited, _SHORTEST), longest)
