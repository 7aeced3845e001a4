"""The monthly cost of a policy, by parts, and the windows of its backups and restores."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from tidemark.costs import shared, speeds
from tidemark.costs.inputs import FileSystemUse, NetworkUse, Period
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
    parts: tuple[Part, ...]  # of an average month of the steady state; without one, of the last of `months`
    shared: tuple[Part, ...]  # what all policies of the deployment and its network share
    months: tuple[Decimal, ...]  # of the policy's own parts, from the first month
    steady_month: int  # the month, from 1, with which the steady state begins; without one, that of `parts`
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
    steady = Period(first=_first_day(steady_month - 1), last=_first_day(steady_month))
    if is_steady:  # a year, because months differ: not each has a yearly run
        last = _first_day(steady_month - 1 + MONTHS)
        steady = Period(first=steady.first, last=last, months=MONTHS)
    plan = Plan.of(policy, start, max(steady.last, _first_day(listed)))
    used: defaultdict[str, set[str]] = defaultdict(set)

    def parts_of(period: Period) -> tuple[Part, ...]:
        usages = [
            *storage_parts(plan, file_systems, period),
            *session_parts(plan, file_systems, network, period),
        ]
        return tuple(_priced(usages, used))

    totals = [
        sum(
            (part.usd for part in parts_of(Period(first=_first_day(month), last=_first_day(month + 1)))),
            Decimal(0),
        )
        for month in range(listed)
    ]
    parts = parts_of(steady)
    shares = tuple(_priced(shared.shared_parts(policy.region, network, copy_regions=copy_regions), used))
    runs_per_month = len(plan.runs_in(steady)) / steady.months
    return PolicyEstimate(
        policy=policy.name,
        parts=parts,
        shared=shares,
        months=tuple(totals),
        steady_month=steady_month,
        is_steady=is_steady,
        runs_per_month=runs_per_month,
        windows=tuple(_window(each, runs_per_month) for each in file_systems),
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


def _priced(usages: Iterable[Usage], used: defaultdict[str, set[str]]) -> Iterator[Part]:
    """Yield the parts of usages that are not zero, in order, and add their figures to `used`."""
    for usage in usages:
        for region, name in usage.figures:
            used[region].add(name)
        usd = usage.usd.quantize(_TEN_THOUSANDTH, ROUND_HALF_UP)
        if usd or usage.is_kept:
            yield Part(name=usage.name, region=usage.region, usd=usd, explanation=usage.explanation)


def _window(use: FileSystemUse, runs_per_month: float) -> Window:
    days = 365 / 12 / (runs_per_month or 1)
    return Window(
        file_system_id=use.file_system_id,
        first_backup_seconds=speeds.backup_seconds(use.files, use.size),
        backup_seconds=speeds.backup_seconds(*use.changed_within(days)),
        restore_seconds=speeds.restore_seconds(use.files, use.size),
    )


def _assumptions(policy: Policy, file_systems: Sequence[FileSystemUse], *, is_steady: bool) -> Iterator[str]:
    yield "The file systems keep their size. What was replaced does not return."
    backups = f"{speeds.BACKUP_FILES_PER_SECOND:,} files or 400 MB per second for backups"
    restores = f"{speeds.RESTORE_FILES_PER_SECOND:,} files or 200 MB per second for restores"
    yield f"AWS documents {backups} and {restores}, whichever is slower, and no time for finding changes."
    if not is_steady:
        yield f"Points are kept forever or for more than {MOST_YEARS} years, so their storage keeps growing."
    if policy.schedule is None and policy.calendar is None:
        yield "The policy has no schedule. One run a day is assumed."
    if policy.drill.schedule is not None:
        yield "Drills are not included; see the cost of one with: tidemark drill"
    if any(kept.cold_after_days is not None for kept in (policy, *policy.for_each_flag())):
        yield (
            "AWS documents neither how points in cold storage share data, nor a charge for moving them. They "
            "are taken to share data with each other, and none with points in warm storage."
        )
    for use in file_systems:
        for text in use.assumptions:
            yield f"{use.file_system_id}: {text}"
