"""How many bytes AWS Backup stores for recovery points that share unchanged data.

AWS Backup copies only files that were added or changed since the previous point of the vault, and keeps what
any point refers to. So the points of a vault store the newest state once, and for each older point the data
that is no longer in the next one. The model is exact if data that was replaced never returns.

Assumed, because AWS does not document it: points in cold storage share data with each other, and none with
points in warm storage. EFS is billed by the day: a point counts on the whole day on which it is created.
Sources: EFS User Guide, "Backing up EFS file systems", "Incremental backups"; AWS Backup pricing, note on
GB-days.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from tidemark.costs.change_rate import ChangeRate

Tier = Literal["warm", "cold"]
FULL = "one full copy"  # the state of the newest point of a tier, which any retention needs


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeptPoint:
    """A recovery point or copy: its days count from the first one."""

    created: float
    keep_days: int | None  # None: forever
    cold_after_days: int | None
    label: str  # the reason why it is kept, such as the flag with the longest retention

    def is_kept(self, day: int) -> bool:
        """Return whether the point is stored on a day."""
        return self.created < day + 1 and (self.keep_days is None or day < self.created + self.keep_days)

    def tier(self, day: int) -> Tier:
        """Return the storage of the point on a day on which it is kept."""
        is_cold = self.cold_after_days is not None and day >= self.created + self.cold_after_days
        return "cold" if is_cold else "warm"


def stored_on(day: int, points: Sequence[KeptPoint], changes: ChangeRate) -> Mapping[tuple[Tier, str], float]:
    """Return the bytes stored on a day, by tier and label. `points` are sorted by creation."""
    chains: dict[Tier, list[KeptPoint]] = {"warm": [], "cold": []}
    for point in points:
        if point.is_kept(day):
            chains[point.tier(day)].append(point)
    found: defaultdict[tuple[Tier, str], float] = defaultdict(float)
    for tier, chain in chains.items():
        for point, following in itertools.pairwise(chain):
            found[tier, point.label] += changes.over(following.created - point.created)
        if chain:
            found[tier, FULL] += changes.size
    return found


def average_stored(
    first: int, last: int, points: Sequence[KeptPoint], changes: ChangeRate, *, samples: int = 31
) -> Mapping[tuple[Tier, str], float]:
    """Return the average bytes stored from day `first` up to but without day `last`.

    At most `samples` of the days are evaluated, evenly spread.
    """
    step = max(1, math.ceil((last - first) / samples))
    days = range(first, last, step)
    kept = [point for point in points if _overlaps(point, first, last)]
    total: defaultdict[tuple[Tier, str], float] = defaultdict(float)
    for day in days:
        for key, size in stored_on(day, kept, changes).items():
            total[key] += size
    return {key: size / len(days) for key, size in total.items()}


def transferred(first: int, last: int, points: Sequence[KeptPoint], changes: ChangeRate) -> float:
    """Return the bytes that are written to a vault for the points of these days, sorted by creation.

    A point that finds no earlier one in its vault is complete.
    """
    total = 0.0
    for number, point in enumerate(points):
        if first <= point.created < last:
            newest = _newest_kept(points, number)
            total += changes.size if newest is None else changes.over(point.created - newest.created)
    return total


def _newest_kept(points: Sequence[KeptPoint], number: int) -> KeptPoint | None:
    """Return the newest point before `points[number]` that still exists when that one is created."""
    moment = points[number].created
    for earlier in range(number - 1, -1, -1):
        kept = points[earlier].keep_days
        if kept is None or moment < points[earlier].created + kept:
            return points[earlier]
    return None


def _overlaps(point: KeptPoint, first: int, last: int) -> bool:
    return point.created < last and (point.keep_days is None or point.created + point.keep_days > first)
