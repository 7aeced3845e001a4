"""The one clock. Everything below takes the time as an argument."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present in UTC, in whole microseconds."""
    return datetime.now(UTC)
