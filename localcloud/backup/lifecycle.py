"""How long a recovery point is kept.

Source: the type Lifecycle in AWS Backup's API reference. -1 or absence keeps for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeGuard

from localcloud.backup.errors import InvalidParameterValue

COLD_DAYS = 90
FOR_EVER = -1


def check_lifecycle(lifecycle: Mapping[str, Any]) -> None:
    """Raise InvalidParameterValue for a lifecycle that AWS Backup refuses."""
    cold, delete = lifecycle.get("MoveToColdStorageAfterDays"), lifecycle.get("DeleteAfterDays")
    for name, days in (("MoveToColdStorageAfterDays", cold), ("DeleteAfterDays", delete)):
        if days is not None and days != FOR_EVER and days < 1:
            raise InvalidParameterValue(f"{name} must be at least 1, or -1 for ever, not {days}")
    if _limited(cold) and _limited(delete) and delete < cold + COLD_DAYS:
        raise InvalidParameterValue(
            f"DeleteAfterDays must be at least {COLD_DAYS} days after MoveToColdStorageAfterDays"
        )


def calculated_lifecycle(created_at: datetime, lifecycle: Mapping[str, Any]) -> dict[str, datetime]:
    """Return CalculatedLifecycle: when the point moves to cold storage and when it is deleted."""
    moments = {
        "MoveToColdStorageAt": lifecycle.get("MoveToColdStorageAfterDays"),
        "DeleteAt": lifecycle.get("DeleteAfterDays"),
    }
    return {name: created_at + timedelta(days=days) for name, days in moments.items() if _limited(days)}


def _limited(days: int | None) -> TypeGuard[int]:
    return days is not None and days != FOR_EVER
