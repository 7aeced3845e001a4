"""Rules of `retries` and `notifications` in `tidemark.yaml`, and the values that they become."""

from __future__ import annotations

from collections.abc import Iterator

from tidemark.policy.models import PolicyPart
from tidemark.policy.notification_models import NotificationsPart, PolicyNotificationsPart, RetriesPart
from tidemark.policy.policy import NotifySettings, RetrySettings, Schedule
from tidemark.policy.yaml_lines import KeyPath

Found = tuple[KeyPath, str]


def policy_problems(where: KeyPath, policy: PolicyPart) -> Iterator[Found]:
    """Yield a problem if a policy has retries that would never be made."""
    if policy.retries and not (policy.schedule or policy.schedules):
        yield (*where, "retries"), "only scheduled runs are retried; add a schedule, or remove retries"


def retries(part: RetriesPart | None) -> RetrySettings | None:
    """Return the retries of a policy."""
    return RetrySettings(times=part.times, interval_seconds=part.interval) if part else None


def notify(part: PolicyNotificationsPart | None) -> NotifySettings | None:
    """Return which ends of a policy's sessions are notified."""
    if part is None:
        return None
    return NotifySettings(on=tuple(dict.fromkeys(part.on)), after_last_retry=part.after_last_retry)


def daily_report(part: NotificationsPart | None) -> Schedule | None:
    """Return when the daily report is sent; None if it is not."""
    if part is None or part.daily_report is None:
        return None
    at = part.daily_report.at
    return Schedule(
        expression=f"cron({at.minute} {at.hour} * * ? *)", time_zone=part.daily_report.time_zone or "UTC"
    )
