"""What an estimate of a policy is computed from."""

from __future__ import annotations

import dataclasses
from typing import Literal

from tidemark.costs.change_rate import ChangeRate

Way = Literal["nat", "endpoints", "public", "other", "unknown"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileSystemUse:
    """The size of a file system, and how it changes and is crawled."""

    file_system_id: str
    size: int  # bytes that AWS Backup stores
    files: int
    entries: int  # that a crawl reads, and an index holds
    changes: ChangeRate
    changed_files_daily: float
    is_elastic: bool  # whether EFS charges for metadata operations
    crawl_seconds: float
    index_bytes: int
    assumptions: tuple[str, ...] = ()  # what was not measured, in sentences

    def changed_within(self, days: float) -> tuple[int, int]:
        """Return the number of files, and their bytes, that change within a number of days."""
        return min(self.files, round(self.changed_files_daily * days)), round(self.changes.over(days))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NetworkUse:
    """How the workers reach AWS's services."""

    way: Way
    endpoints: int = 0  # interface endpoints of the VPC, each counted in each of its zones
    gateways: int = 0  # NAT gateways in the routes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days from `first` up to but without `last`, over which costs are averaged."""

    first: int
    last: int
    months: int = 1  # that the days are

    def has(self, day: float) -> bool:
        """Return whether a moment is in the period."""
        return self.first <= day < self.last
