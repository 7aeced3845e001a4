"""Restore plans for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.aws.account import ACCOUNT, FS, REGION
from tidemark.restore.plan import Destination, Estimate, Item, Plan, PointPlan

CREATED = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def point_plan(
    items: Sequence[Item | str], requests: Sequence[str] | None = None, *, number: int = 1, **changes: Any
) -> PointPlan:
    """Return the part of a plan for one recovery point; paths are files, requested by default."""
    given = tuple(
        item if isinstance(item, Item) else Item(path=item, type="f", entries=1, bytes=1) for item in items
    )
    values: dict[str, Any] = {
        "recovery_point_arn": f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:{number}",
        "region": REGION,
        "vault": "tidemark",
        "created_at": CREATED,
        "index_id": f"{FS.file_system_id}-20261122T02000{number}Z-0a1b2c",
        "is_cold": False,
        "items": given,
        "requests": tuple(item.path for item in given) if requests is None else tuple(requests),
        "requested_entries": len(given),
        "requested_bytes": 1,
        "jobs": 1,
    }
    return PointPlan(**{**values, **changes})


def plan_of(*points: PointPlan, **changes: Any) -> Plan:
    """Return a plan of these points, in place, with ten items per job."""
    estimate = Estimate(
        jobs=1,
        entries=1,
        bytes=1,
        seconds_low=1,
        seconds=1,
        parts=(),
        usd=Decimal(0),
        assumptions=(),
    )
    values: dict[str, Any] = {
        "plan_id": "plan-1",
        "account": ACCOUNT,
        "region": REGION,
        "file_system_id": FS.file_system_id,
        "created_at": CREATED,
        "destination": Destination(kind="in-place"),
        "on_conflict": "fail",
        "items_per_job": 10,
        "points": points,
        "missing": (),
        "conflicts": (),
        "conflict_count": 0,
        "estimate": estimate,
    }
    return Plan(**{**values, **changes})
