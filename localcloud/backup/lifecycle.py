"""Lifecycles: how long recovery points are kept.

Sources: the types Lifecycle and CalculatedLifecycle in AWS Backup's API reference; StartBackupJob (at most
36,500 days); AWS Backup Developer Guide, "Backup and tag copy": a copy has its source's creation date and
expiration date unless the request sets another; -1 sets none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeGuard

from localcloud.backup.errors import InvalidParameterValue

COLD_DAYS = 90
MOST_DAYS = 36_500
FOR_EVER = -1
COLD, DELETE = "MoveToColdStorageAfterDays", "DeleteAfterDays"


def check_lifecycle(lifecycle: Mapping[str, Any]) -> None:
    """Raise InvalidParameterValue for a lifecycle that AWS Backup refuses."""
    if lifecycle.get("DeleteAfterEvent") is not None:
        raise InvalidParameterValue("DeleteAfterEvent is not valid as an input")
    cold, delete = lifecycle.get(COLD), lifecycle.get(DELETE)
    for name, days in ((COLD, cold), (DELETE, delete)):
        if days is not None and days != FOR_EVER and not 1 <= days <= MOST_DAYS:
            raise InvalidParameterValue(f"{name} must be 1 to {MOST_DAYS}, or -1 for forever, not {days}")
    if _limited(cold) and _limited(delete) and delete < cold + COLD_DAYS:
        raise InvalidParameterValue(
            f"DeleteAfterDays must be at least {COLD_DAYS} days after MoveToColdStorageAfterDays"
        )


def check_cold_change(
    created_at: datetime, before: Mapping[str, Any], after: Mapping[str, Any], now: datetime
) -> None:
    """Raise InvalidParameterValue for another move to cold storage after the move has taken place.

    Source: UpdateRecoveryPointLifecycle.
    """
    moved_at = calculated_lifecycle(created_at, before).get("MoveToColdStorageAt")
    if moved_at is not None and moved_at <= now and after.get(COLD) != before.get(COLD):
        raise InvalidParameterValue("The recovery point is in cold storage, so its transition cannot change")


def lifecycle_of_copy(asked: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lifecycle of a copy: the source's values where the request has none or -1."""
    if not asked:
        return dict(source)
    inherited = {name: source[name] for name, days in asked.items() if days == FOR_EVER and name in source}
    return {**asked, **inherited}


def calculated_lifecycle(created_at: datetime, lifecycle: Mapping[str, Any]) -> dict[str, datetime]:
    """Return CalculatedLifecycle: when the point moves to cold storage and when it is deleted."""
    moments = {"MoveToColdStorageAt": lifecycle.get(COLD), "DeleteAt": lifecycle.get(DELETE)}
    return {name: created_at + timedelta(days=days) for name, days in moments.items() if _limited(days)}


def _limited(days: int | None) -> TypeGuard[int]:
    return days is not None and days != FOR_EVER
