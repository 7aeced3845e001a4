"""When the sweeper comes, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta

SWEEP_INTERVAL = timedelta(minutes=15)
# A lease is taken a moment before its execution is started, a session's record is written a moment after its
# execution. What is younger than this is left to its own session.
SWEEP_GRACE = timedelta(minutes=10)
# After this at the latest it has closed a session whose execution was stopped.
SWEPT_WITHIN = SWEEP_INTERVAL + SWEEP_GRACE
