"""When the failed sessions of a run are run again. Imports only the standard library, like `policy.py`."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

from tidemark.policy.pause import Pause
from tidemark.policy.policy import Policy
from tidemark.policy.upcoming import next_runs
from tidemark.policy.windows import shortest_interval_minutes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetryPlan:
    """Whether to retry, and after which time."""

    wait_seconds: int | None  # None: no retry
    why_not: str = ""  # the reason, if retries are left


def plan_retry(policy: Policy, pause: Pause | None, retries_left: int, now: datetime) -> RetryPlan:
    """Return the plan after an attempt that ended at `now`.

    There is no retry at or after the next scheduled run, which backs the file systems up anyway, and none
    during a pause.
    """
    if policy.retries is None or retries_left < 1:
        return RetryPlan(wait_seconds=None)
    if pause is not None and pause.holds_at(now):
        return RetryPlan(wait_seconds=None, why_not=f"policy {policy.name} is paused")
    following = next_due(policy, now)
    if following is not None and following <= now + timedelta(seconds=policy.retries.interval_seconds):
        return RetryPlan(wait_seconds=None, why_not=f"the next run is due at {following:%Y-%m-%d %H:%M} UTC")
    return RetryPlan(wait_seconds=policy.retries.interval_seconds)


def next_due(policy: Policy, after: datetime) -> datetime | None:
    """Return when the next scheduled run of a policy is due (UTC); None without one.

    The result for a rate is the latest time: it counts from its deployment, which is not in the policy.
    """
    if policy.schedule is not None and policy.schedule.is_rate:
        return after + timedelta(minutes=shortest_interval_minutes(policy.schedule.expression))
    following = next(next_runs(policy, after), None)
    return None if following is None else following.at
