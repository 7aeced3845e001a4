"""What AWS Backup charges: storage of points and copies by the reason why they are kept, and transfer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tidemark.costs.inputs import FileSystemUse, Period
from tidemark.costs.part import Usage, at_price, of_bytes
from tidemark.costs.runs import Plan
from tidemark.costs.stored_bytes import KeptPoint, Tier, average_stored, transferred

_MANY_POINTS = 5_000
_SAMPLES = 62  # days of a period that are evaluated
_FEW_SAMPLES = 4  # the same, for policies with thousands of points
_FIGURES: dict[Tier, str] = {"warm": "backup_warm", "cold": "backup_cold"}


def storage_parts(plan: Plan, file_systems: Sequence[FileSystemUse], period: Period) -> Iterator[Usage]:
    """Yield the parts of an average month of the period."""
    number, region = len(file_systems), plan.policy.region
    yield from _stored("backup storage", region, plan.backups, file_systems, period)
    yield from _moved("backups moved to cold storage", region, plan.backups, number, period)
    for target, made in plan.copies:
        size = sum(transferred(period.first, period.last, made, use.changes) for use in file_systems)
        yield of_bytes(
            f"transfer of copies to {target.region}", region, "copy_transfer", size / period.months
        )
        yield from _stored("copy storage", target.region, made, file_systems, period)
        yield from _moved("copies moved to cold storage", target.region, made, number, period)


def _stored(
    what: str,
    region: str,
    points: Sequence[KeptPoint],
    file_systems: Sequence[FileSystemUse],
    period: Period,
) -> Iterator[Usage]:
    total: defaultdict[tuple[Tier, str], float] = defaultdict(float)
    samples = _FEW_SAMPLES if len(points) > _MANY_POINTS else _SAMPLES
    for use in file_systems:
        for key, size in average_stored(
            period.first, period.last, points, use.changes, samples=samples
        ).items():
            total[key] += size
    for (tier, label), size in sorted(total.items(), key=lambda each: (each[0][0] == "cold", -each[1])):
        yield of_bytes(f"{what}, {tier}: {label}", region, _FIGURES[tier], size, "GB-months")


def _moved(
    what: str, region: str, points: Sequence[KeptPoint], file_systems: int, period: Period
) -> Iterator[Usage]:
    moved = sum(
        period.has(point.created + point.cold_after_days)
        for point in points
        if point.cold_after_days is not None
    )
    if moved:
        yield at_price(
            what,
            region,
            "cold_transition",
            moved * file_systems / period.months,
            "points",
            ", no charge is listed",
            is_kept=True,
        )
