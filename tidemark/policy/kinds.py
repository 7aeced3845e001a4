"""The kinds of runs of a policy, each with its retention.

Imports only the standard library, like `policy.py`.
"""

from __future__ import annotations

from tidemark.policy.calendars import FLAG_NAMES
from tidemark.policy.policy import MANUAL, Policy

EVERY = "every"  # run of a policy without flags


def runs_by_kind(policy: Policy) -> dict[str, Policy]:
    """Return `Policy.for_run` by kind: daily, weekly, monthly, yearly and manual; of a policy without
    `schedules`, only every."""
    if policy.calendar is None:
        return {EVERY: policy.for_run(())}
    flagged = {FLAG_NAMES[flag]: policy.for_run((flag,)) for flag in policy.calendar.flags}
    return {**flagged, MANUAL: policy.for_run(())}
