"""Rules across the values of schedules and retentions in `tidemark.yaml`, and the values that they become."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidemark.policy.calendars import FLAG_NAMES, Calendar, Recurrence, Retention
from tidemark.policy.day_rules import DayRule
from tidemark.policy.models import CopyPart, PolicyPart
from tidemark.policy.occurrence import comes_after, last_year
from tidemark.policy.policy import MANUAL, SHORTEST_COLD_DAYS, CopyTarget, Schedule
from tidemark.policy.schedule_models import (
    DailyPart,
    MonthlyPart,
    SchedulePart,
    SchedulesPart,
    WeeklyPart,
    YearlyPart,
)
from tidemark.policy.yaml_lines import KeyPath

Found = tuple[KeyPath, str]
_EVERY_DAY = tuple(DayRule(weekday=number) for number in range(7))
_Kind = DailyPart | WeeklyPart | MonthlyPart | YearlyPart


def schedule(part: SchedulePart) -> Schedule:
    """Return the schedule of a cron or a rate."""
    return Schedule(expression=part.cron or part.rate or "", time_zone=part.time_zone or "UTC")


def calendar(part: SchedulesPart) -> Calendar:
    """Return the calendar of `schedules`.

    Also of one with problems, for the rules that count its schedules: without the times that are missing,
    and in UTC if this machine has no data for its time zone.
    """
    default = part.daily.at[:1] if part.daily else ()
    names = {name: flag for flag, name in FLAG_NAMES.items()}
    return Calendar(
        time_zone=part.time_zone if part.time_zone and _zone(part.time_zone) else "UTC",
        recurrences=tuple(
            Recurrence(
                flag=names[name],
                at=each.at or default,
                on=each.on or _EVERY_DAY,
                retention=Retention(keep_days=each.keep, cold_after_days=each.cold_after),
            )
            for name, each in _kinds(part).items()
        ),
    )


def copy_target(part: CopyPart, vault: str, account: str | None = None) -> CopyTarget:
    """Return a copy's vault and retentions; `account` None is that of the file system."""
    keep, cold = part.keep, part.cold_after
    if not isinstance(keep, dict):
        return CopyTarget(
            region=part.region,
            vault=vault,
            account=account,
            keep_days=keep,
            cold_after_days=None if isinstance(cold, dict) else cold,
        )
    names = {name: flag for flag, name in FLAG_NAMES.items()} | {MANUAL: MANUAL}
    retentions = {
        names[name]: Retention(keep_days=days, cold_after_days=_of(cold, name)) for name, days in keep.items()
    }
    return CopyTarget(
        region=part.region,
        vault=vault,
        account=account,
        # For earlier versions of the command line, which know one retention only.
        keep_days=max(retentions.values(), key=lambda kept: kept.rank).keep_days,
        retentions=tuple(sorted(retentions.items())),
    )


def policy_problems(where: KeyPath, policy: PolicyPart) -> Iterator[Found]:
    """Yield the problems of a policy's schedules and retentions, except those of drills and restore tests."""
    if policy.schedule and policy.schedules:
        yield (
            (*where, "schedules"),
            "the policy already has a schedule; write schedule or schedules, not both",
        )
    elif policy.schedule:
        yield from schedule_problems((*where, "schedule"), policy.schedule)
    elif policy.schedules:
        yield from _schedules_problems((*where, "schedules"), policy.schedules)
    yield from _cold_problems((*where, "cold_after"), policy.keep, policy.cold_after)
    kinds = _kinds(policy.schedules) if policy.schedules else {}
    for number, copy in enumerate(policy.copies):
        yield from _copy_problems((*where, "copies", number), copy, kinds)


def schedule_problems(where: KeyPath, part: SchedulePart) -> Iterator[Found]:
    """Yield the problems of a cron or a rate."""
    if (part.cron is None) == (part.rate is None):
        yield where, "a schedule needs exactly one of cron and rate, for example cron: '0 2 * * ? *'"
    elif part.cron and not comes_after(part.cron, wall := _wall(part.time_zone or "UTC")):
        past = f"its last run was in {last_year(part.cron)}, and local time is {wall:%Y-%m-%d %H:%M}"
        yield (*where, "cron"), f"{past}; write a future year, or *"
    elif part.rate and part.time_zone:
        yield (*where, "time_zone"), "a rate has no time of day; remove time_zone, or write a cron"


def _schedules_problems(where: KeyPath, part: SchedulesPart) -> Iterator[Found]:
    kinds = _kinds(part)
    if not kinds:
        example = "daily: {at: '02:00', keep: 14 days}"
        yield (
            where,
            f"there are none; write at least one of {', '.join(FLAG_NAMES.values())}, such as {example}",
        )
    for name, each in kinds.items():
        if each.at is None and part.daily is None:
            yield (*where, name), f"there is no daily schedule whose time {name} could have; add at: '02:00'"
        yield from _cold_problems((*where, name, "cold_after"), each.keep, each.cold_after)
    if part.time_zone and _zone(part.time_zone) is None:
        fact = f"this machine has no data for the time zone {part.time_zone}"
        yield (*where, "time_zone"), f"{fact}; install it with: pip install tzdata"


def _copy_problems(where: KeyPath, copy: CopyPart, kinds: Mapping[str, object]) -> Iterator[Found]:
    known = [*kinds, MANUAL]
    for key, value in (("keep", copy.keep), ("cold_after", copy.cold_after)):
        for name in value if isinstance(value, dict) else ():
            if not kinds:
                yield (*where, key), "the policy has no schedules; write one value for all runs"
                break
            if name not in known:
                yield (
                    (*where, key),
                    f"the policy has no {name} schedule; remove {name}, or add it to schedules",
                )
    if not isinstance(copy.keep, dict):
        if isinstance(copy.cold_after, dict):
            yield (*where, "cold_after"), "keep has one value for all runs; write one here too"
        else:
            yield from _cold_problems((*where, "cold_after"), copy.keep, copy.cold_after)
        return
    for name in copy.cold_after if isinstance(copy.cold_after, dict) else ():
        if name not in copy.keep:
            yield (*where, "cold_after"), f"{name} runs are not copied; add {name} to keep, or remove it here"
    for name, days in copy.keep.items():
        yield from _cold_problems((*where, "cold_after"), days, _of(copy.cold_after, name), f"{name} ")


def _cold_problems(
    where: KeyPath, keep_days: int | None, cold_after_days: int | None, kind: str = ""
) -> Iterator[Found]:
    """Yield a problem if a point would not stay in cold storage for as long as AWS Backup requires."""
    if keep_days is None or cold_after_days is None:
        return
    least = cold_after_days + SHORTEST_COLD_DAYS
    if keep_days < least:
        fact = f"{kind}points that move to cold storage after {cold_after_days} days must be kept for"
        yield where, f"{fact} {least} days or more, not {keep_days}; increase keep, or remove cold_after"


def _of(cold_after: int | dict[str, int] | None, name: str) -> int | None:
    return cold_after.get(name) if isinstance(cold_after, dict) else cold_after


def _kinds(part: SchedulesPart) -> dict[str, _Kind]:
    found = {"daily": part.daily, "weekly": part.weekly, "monthly": part.monthly, "yearly": part.yearly}
    return {name: each for name, each in found.items() if each is not None}


def _wall(time_zone: str) -> datetime:
    """Return the local time in a time zone; in UTC if this machine has no data for the zone."""
    # Callers of `load` pass no clock: a schedule must have a run in the future at the time of reading.
    return datetime.now(_zone(time_zone) or UTC).replace(tzinfo=None)  # noqa: TID251 - see above


def _zone(time_zone: str) -> tzinfo | None:
    with contextlib.suppress(ZoneInfoNotFoundError):
        return ZoneInfo(time_zone)
    return None
