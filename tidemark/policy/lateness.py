"""Whether a file system's newest backup is too old for the schedules of its policies.

Imports only the standard library, like `policy.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from tidemark.policy.policy import Policy
from tidemark.policy.upcoming import next_runs
from tidemark.policy.windows import shortest_interval_minutes

SOONEST_LATE = timedelta(hours=26)  # a backup is not late before this age, whatever its schedule


def has_schedule(policy: Policy) -> bool:
    """Return whether the policy runs on a schedule."""
    return policy.schedule is not None or policy.calendar is not None


def late_policy(policies: Sequence[Policy], newest: datetime, now: datetime) -> Policy | None:
    """Return a policy that has had two runs since the newest backup; None if the backup is not late."""
    if now - newest <= SOONEST_LATE:
        return None
    return next((each for each in policies if has_schedule(each) and second_run(each, newest) < now), None)


def second_run(policy: Policy, after: datetime) -> datetime:
    """Return when the second run of a policy after a time was or will be due."""
    if policy.schedule is not None and policy.schedule.is_rate:
        return after + 2 * timedelta(minutes=shortest_interval_minutes(policy.schedule.expression))
    runs = [run.at for run in islice(next_runs(policy, after), 2)]
    return runs[1] if len(runs) == 2 else datetime.max.replace(tzinfo=UTC)
