"""Names of sessions and indexes: both name Step Functions executions, so <= 80 characters and no colon."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MOMENT = "%Y%m%dT%H%M%SZ"
# Characters that Step Functions allows in execution names and that need no quoting in a shell or a key.
_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_INDEX_ID = re.compile(r"fs-[0-9a-f]{8,40}-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")


def session_id(policy: str, file_system_id: str, moment: datetime) -> str:
    """Return `nightly-fs-0123-20261122T020000Z`: the same policy, file system and second, the same id."""
    return f"{policy}-{file_system_id}-{moment.astimezone(UTC):{_MOMENT}}"


def moment_of(session_id: str) -> datetime | None:
    """Return the moment that a session's id ends with; None where it ends with something else."""
    try:
        return datetime.strptime(session_id.rpartition("-")[2], _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None


def index_id(file_system_id: str, moment: datetime, digit: int) -> str:
    """Return an index id that sorts by time, to the microsecond, within its file system.

    `digit`, 0 to 15 and random, is the last of the six hex digits: it tells two ids of one microsecond apart.
    """
    if not 0 <= digit < 16:
        raise ValueError(f"{digit} is not from 0 to 15")
    moment = moment.astimezone(UTC)
    return f"{file_system_id}-{moment:{_MOMENT}}-{moment.microsecond * 16 + digit:06x}"


def is_session_id(text: str) -> bool:
    """Return whether the text can be a session's id, so that a mistyped one is not asked for."""
    return _SESSION_ID.fullmatch(text) is not None


def is_index_id(text: str) -> bool:
    """Return whether the text can be an index's id, so that anything else is not looked for as a key."""
    return _INDEX_ID.fullmatch(text) is not None
