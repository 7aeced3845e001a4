"""Ids of sessions, indexes and restores. All name Step Functions executions: <= 80 characters, no colon."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MOMENT = "%Y%m%dT%H%M%SZ"
# Characters that Step Functions allows in execution names and that need no quoting in a shell or a key.
_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_INDEX_ID = re.compile(r"fs-[0-9a-f]{8,40}-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")


def session_id(policy: str, file_system_id: str, moment: datetime) -> str:
    """Return an id such as `nightly-fs-0123-20261122T020000Z`. Deterministic, to the second."""
    return f"{policy}-{file_system_id}-{moment.astimezone(UTC):{_MOMENT}}"


def moment_of(session_id: str) -> datetime | None:
    """Return the time at the end of a session id; None if there is none."""
    try:
        return datetime.strptime(session_id.rpartition("-")[2], _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None


def index_id(file_system_id: str, moment: datetime, digit: int) -> str:
    """Return an index id that sorts by time, to the microsecond, within its file system.

    `digit`, random from 0 to 15, is the last of the six hex digits and separates ids of one microsecond.
    """
    if not 0 <= digit < 16:
        raise ValueError(f"{digit} is not from 0 to 15")
    moment = moment.astimezone(UTC)
    return f"{file_system_id}-{moment:{_MOMENT}}-{moment.microsecond * 16 + digit:06x}"


def restore_id(file_system_id: str, moment: datetime) -> str:
    """Return an id such as `restore-fs-0123-20261122T020000Z-5a3f1`, unique to the microsecond."""
    moment = moment.astimezone(UTC)
    return f"restore-{file_system_id}-{moment:{_MOMENT}}-{moment.microsecond:05x}"


def drill_id(file_system_id: str, moment: datetime) -> str:
    """Return an id such as `drill-fs-0123-20261122T020000Z`. Deterministic, to the second."""
    return f"drill-{file_system_id}-{moment.astimezone(UTC):{_MOMENT}}"


def is_session_id(text: str) -> bool:
    """Return whether the text has the form of a session id."""
    return _SESSION_ID.fullmatch(text) is not None


def is_index_id(text: str) -> bool:
    """Return whether the text has the form of an index id, and so can be part of an object key."""
    return _INDEX_ID.fullmatch(text) is not None
