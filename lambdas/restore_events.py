"""Values that Step Functions passes between the steps of a restore session."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class RestoreValue(TypedDict):
    """The data of a restore session that its steps need."""

    restore_id: str
    plan: str  # the id of its plan
    sha256: str  # the digest of the plan's document
    file_system: str  # the one of the plan, fs-...; the target, unless that is new
    policy: str  # whose worker settings apply; empty for the defaults
    is_new: NotRequired[bool]  # whether the target is a new file system; missing in older executions
    is_drill: NotRequired[bool]  # whether that file system is removed at the end; missing in older executions


class TurnValue(TypedDict):
    """Whether it is the session's turn, and how long to wait otherwise."""

    is_mine: bool
    waited_seconds: int
    wait_seconds: int


class SetupValue(TypedDict):
    """How far the setup of a new file system is."""

    is_marked: bool  # it has got the tags of the restore
    is_available: bool  # its mount targets were available when they were last checked
    is_ready: bool  # a worker can mount it
    mount_targets: dict[str, list[str]]  # their security groups by subnet
    waited_seconds: int
    wait_seconds: int


class RemovalValue(TypedDict):
    """How far the removal of a temporary file system is."""

    is_removed: bool
    waited_seconds: int
    wait_seconds: int


class RestoreJobValue(TypedDict):
    """The next restore job of a session; without an id, no job is left to start."""

    job_id: str
    finished: bool
    restored: int  # jobs of the session that have restored their items
    waited_seconds: int
    wait_seconds: int
