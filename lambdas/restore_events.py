"""Values that Step Functions passes between the steps of a restore session."""

from __future__ import annotations

from typing import TypedDict


class RestoreValue(TypedDict):
    """The data of a restore session that its steps need."""

    restore_id: str
    plan: str  # the id of its plan
    sha256: str  # the digest of the plan's document
    file_system: str  # the target, fs-...
    policy: str  # whose worker settings apply; empty for the defaults


class TurnValue(TypedDict):
    """Whether it is the session's turn, and how long to wait otherwise."""

    is_mine: bool
    waited_seconds: int
    wait_seconds: int


class RestoreJobValue(TypedDict):
    """The next restore job of a session; without an id, no job is left to start."""

    job_id: str
    finished: bool
    restored: int  # jobs of the session that have restored their items
    waited_seconds: int
    wait_seconds: int
