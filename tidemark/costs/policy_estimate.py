"""The monthly cost of a policy, by parts, and the windows of its backups and restores."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from tidemark.costs import shared, speeds
from tidemark.costs.inputs import FileSystemUse, NetworkUse
from tidemark.costs.part import Part, Usage
from tidemark.costs.prices import origin
from tidemark.costs.runs import Plan, longest_keep_days
from tidemark.costs.session_parts import session_parts
from tidemark.costs.storage_parts import storage_parts
from tidemark.policy.policy import Policy

MOST_YEARS = 10  # of runs that are computed; a longer retention has no steady state here
MONTHS = 12
_TEN_THOUSANDTH = Decimal("0.0001")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long AWS Backup needs for one file system, at its documented speeds."""

    file_system_id: str
    first_backup_seconds: int
    backup_seconds: int  # of a later one, with the changes since the previous run
    restore_seconds: int  # of everything


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEstimate:
    """The estimate of one policy, in USD."""

    policy: str
    parts: tuple[Part, ...]  # of a month in the steady state, or of month `steady_month`
    shared: tuple[Part, ...]  # what all policies of the deployment and its network share
    months: tuple[Decimal, ...]  # of the policy's own parts, from the first month
    steady_month: int  # the month of `parts`, from 1
    is_steady: bool  # False if points are kept for longer than MOST_YEARS, so that storage still grows then
    runs_per_month: float
    windows: tuple[Window, ...]
    assumptions: tuple[str, ...]

    @property
    def monthly_usd(self) -> Decimal:
        """The policy's own cost in a month of the steady state."""
        return sum((part.usd for part in self.parts), Decimal(0))

    @property
    def shared_monthly_usd(self) -> Decimal:
        """The cost of what is shared."""
        return sum((part.usd for part in self.shared), Decimal(0))

    @property
    def first_year_usd(self) -> Decimal:
        """The policy's own cost in the first twelve months."""
        return sum(self.months[:MONTHS], Decimal(0))


def estimate(
    policy: Policy,
    file_systems: Sequence[FileSystemUse],
    network: NetworkUse,
    start: datetime,
    *,
    months: int = MONTHS,
    copy_regions: int = 0,
) -> PolicyEstimate:
    """Return the estimate of a policy whose first run is the first after `start`.

    `months` is the number of months to list. `copy_regions` are those of the deployment.
    """
    longest = longest_keep_days(policy)
    is_steady = longest is not None and longest <= MOST_YEARS * 365
    steady_month = months if longest is None or not is_steady else _month_of(longest) + 1
    listed = max(months, MONTHS)
    days = _first_day(max(steady_month, listed)) + 1
    plan = Plan.of(policy, start, days)
    used: defaultdict[str, set[str]] = defaultdict(set)

    def parts_of(month: int) -> tuple[Part, ...]:
        first, last = _first_day(month - 1), _first_day(month)
        usages = [
            *storage_parts(plan, file_systems, first, last),
            *session_parts(plan, file_systems, network, first, last),
        ]
        return tuple(_priced(usages, used))

    totals = [sum((part.usd for part in parts_of(month)), Decimal(0)) for month in range(1, listed + 1)]
    parts = parts_of(steady_month)
    shares = tuple(_priced(shared.shared_parts(policy.region, network, copy_regions=copy_regions), used))
    in_month = plan.runs_in(_first_day(steady_month - 1), _first_day(steady_month))
    return PolicyEstimate(
        policy=policy.name,
        parts=parts,
        shared=shares,
        months=tuple(totals),
        steady_month=steady_month,
        is_steady=is_steady,
        runs_per_month=len(in_month),
        windows=tuple(_window(each, len(in_month)) for each in file_systems),
        assumptions=(*_assumptions(policy, file_systems, is_steady=is_steady), *origin(used)),
    )


def _month_of(day: int) -> int:
    """Return the month, from 1, that contains a day."""
    month = 1
    while _first_day(month) <= day:
        month += 1
    return month


def _first_day(months: int) -> int:
    """Return the day that follows a number of whole months."""
    return months * 365 // 12


def _priced(usages: Sequence[Usage], used: defaultdict[str, set[str]]) -> Iterator[Part]:
    """Yield the parts of usages that are not zero, in order, and add their figures to `used`."""
    for usage in usages:
        for region, name in usage.figures:
            used[region].add(name)
        usd = usage.usd.quantize(_TEN_THOUSANDTH, ROUND_HALF_UP)
        if usd or usage.is_kept:
            yield Part(name=usage.name, region=usage.region, usd=usd, explanation=usage.explanation)


def _window(use: FileSystemUse, runs_per_month: int) -> Window:
    days = 365 / 12 / max(runs_per_month, 1)
    changed = round(use.changes.over(days))
    return Window(
        file_system_id=use.file_system_id,
        first_backup_seconds=speeds.backup_seconds(use.files, use.size),
        backup_seconds=speeds.backup_seconds(min(use.files, round(use.changed_files_daily * days)), changed),
        restore_seconds=speeds.restore_seconds(use.files, use.size),
    )


def _assumptions(policy: Policy, file_systems: Sequence[FileSystemUse], *, is_steady: bool) -> Iterator[str]:
    yield "The file systems keep their size. What was replaced does not return."
    yield (
        f"AWS documents {speeds.BACKUP_FILES_PER_SECOND:,} files or 400 MB per second for backups and "
        f"{speeds.RESTORE_FILES_PER_SECOND:,} files or 200 MB per second for restores, whichever is slower, and "
        f"no time for finding the changes."
    )
    if not is_steady:
        yield (
            f"Points are kept forever or for more than {MOST_YEARS} years, so their storage has no steady state "
            f"in this time."
        )
    if policy.schedule is None and policy.calendar is None:
        yield "The policy has no schedule. One run a day is assumed."
    if policy.drill.schedule is not None:
        yield "Drills are not included; see the cost of one with: tidemark drill"
    if any(kept.cold_after_days is not None for kept in _lifecycles(policy)):
        yield (
            "AWS documents neither how points in cold storage share data, nor a charge for moving them. They "
            "are taken to share data with each other, and none with points in warm storage."
        )
    for use in file_systems:
        for text in use.assumptions:
            yield f"{use.file_system_id}: {text}"


def _lifecycles(policy: Policy) -> Iterator[Policy]:
    yield policy
    for recurrence in policy.calendar.recurrences if policy.calendar else ():
        yield policy.for_run((recurrence.flag,))
