"""The runs of a policy over years, and the points that they keep."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Self

from tidemark.costs.inputs import Period
from tidemark.costs.stored_bytes import KeptPoint
from tidemark.policy.calendars import FLAG_NAMES, FLAGS, Retention, longest
from tidemark.policy.policy import MANUAL, CopyTarget, Policy
from tidemark.policy.upcoming import next_runs
from tidemark.policy.windows import shortest_interval_minutes

_DAY = timedelta(days=1)
ASSUMED_DAYS_BETWEEN_MANUAL_RUNS = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A run of a policy."""

    day: float  # since the first day
    flags: tuple[str, ...]


def planned_runs(policy: Policy, start: datetime, days: int) -> list[PlannedRun]:
    """Return the runs in the `days` after `start`, in order.

    A rate begins at `start`. A policy without a schedule is taken to run once a day.
    """
    if policy.calendar is None and (policy.schedule is None or policy.schedule.is_rate):
        between = float(ASSUMED_DAYS_BETWEEN_MANUAL_RUNS)
        if policy.schedule is not None:
            between = shortest_interval_minutes(policy.schedule.expression) / (24 * 60)
        return [PlannedRun(day=number * between, flags=()) for number in range(int(days / between))]
    end = start + days * _DAY
    return [
        PlannedRun(day=(run.at - start) / _DAY, flags=run.flags)
        for run in takewhile(lambda run: run.at < end, next_runs(policy, start))
    ]


def backups(policy: Policy, runs: Sequence[PlannedRun]) -> list[KeptPoint]:
    """Return the recovery points of the runs."""
    made: dict[tuple[str, ...], tuple[Retention, str]] = {}
    recurrences = policy.calendar.recurrences if policy.calendar else ()
    flagged: dict[str, Retention] = {each.flag: each.retention for each in recurrences}
    for flags in {run.flags for run in runs}:
        kept = policy.for_run(flags)
        retention = Retention(keep_days=kept.keep_days, cold_after_days=kept.cold_after_days)
        made[flags] = retention, _label(flagged, flags)
    return [_point(run, *made[run.flags]) for run in runs]


def copies(target: CopyTarget, runs: Sequence[PlannedRun]) -> list[KeptPoint]:
    """Return the copies of the runs in one vault. Copies count their days from their backup."""
    made: dict[tuple[str, ...], tuple[Retention, str]] = {}
    for flags in {run.flags for run in runs}:
        kept = target.for_run(flags)
        if kept is not None:
            retention = Retention(keep_days=kept.keep_days, cold_after_days=kept.cold_after_days)
            label = _label(dict(target.retentions or ()), flags or (MANUAL,))
            made[flags] = retention, label
    return [_point(run, *made[run.flags]) for run in runs if run.flags in made]


def indexes(policy: Policy, runs: Sequence[PlannedRun]) -> list[KeptPoint]:
    """Return the indexes of the runs, each kept as long as its point and the copies of it."""
    found = []
    for point, run in zip(backups(policy, runs), runs, strict=True):
        keep = _longest([point.keep_days, *(copy.keep_days for copy in policy.for_run(run.flags).copies)])
        found.append(KeptPoint(created=run.day, keep_days=keep, cold_after_days=None, label=point.label))
    return found


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The runs of a policy, and everything that they keep."""

    policy: Policy
    runs: list[PlannedRun]
    backups: list[KeptPoint]
    copies: list[tuple[CopyTarget, list[KeptPoint]]]
    indexes: list[KeptPoint]

    @classmethod
    def of(cls, policy: Policy, start: datetime, days: int) -> Self:
        """Return the plan for the `days` after `start`."""
        runs = planned_runs(policy, start, days)
        return cls(
            policy=policy,
            runs=runs,
            backups=backups(policy, runs),
            copies=[(target, copies(target, runs)) for target in policy.copies],
            indexes=indexes(policy, runs),
        )

    def runs_in(self, period: Period) -> list[PlannedRun]:
        """Return the runs of a period."""
        return [run for run in self.runs if period.has(run.day)]


def longest_keep_days(policy: Policy) -> int | None:
    """Return the longest retention of a policy's points and copies; None: forever."""
    return _longest(_keeps(policy))


def _longest(keeps: Iterable[int | None]) -> int | None:
    return max(keeps, key=lambda days: (days is None, days or 0))


def _keeps(policy: Policy) -> Iterator[int | None]:
    for run in policy.for_each_flag() or [policy.for_run(())]:
        yield run.keep_days
        yield from (copy.keep_days for copy in run.copies)


def _point(run: PlannedRun, retention: Retention, label: str) -> KeptPoint:
    return KeptPoint(
        created=run.day,
        keep_days=retention.keep_days,
        cold_after_days=retention.cold_after_days,
        label=label,
    )


def _label(retentions: Mapping[str, Retention], flags: Sequence[str]) -> str:
    """Return the name of the flag whose retention decides."""
    if not retentions:
        return "all runs"
    decides = longest(retentions, flags)
    named = (flag for flag in FLAGS if flag in flags and retentions.get(flag) == decides)
    flag = next(named, None) if decides is not None else None
    return "other runs" if flag is None else f"{FLAG_NAMES[flag]} runs"
