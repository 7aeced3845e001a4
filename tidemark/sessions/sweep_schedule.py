"""The interval and the grace period of the sweeper."""

from __future__ import annotations

from datetime import timedelta

SWEEP_INTERVAL = timedelta(minutes=15)
# A lease is taken shortly before its execution starts, and a session's record is written shortly after its
# execution starts. The sweeper skips leases and sessions younger than this.
SWEEP_GRACE = timedelta(minutes=10)
# The longest time until a session whose execution was stopped is closed.
SWEPT_WITHIN = SWEEP_INTERVAL + SWEEP_GRACE
