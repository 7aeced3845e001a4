"""Values that Step Functions passes between the steps of a restore test."""

from __future__ import annotations

from typing import TypedDict


class TestValue(TypedDict):
    """The data of a restore test that its steps need."""

    restore_id: str
    policy: str  # whose worker settings apply
    is_duplicate: bool  # another execution verifies the job, or has verified it
    is_restored: bool  # false if the restore job has failed
    has_index: bool


class TestSetupValue(TypedDict):
    """How far the mount targets of a restored file system are."""

    is_marked: bool  # it has got the tags of the deployment
    is_available: bool  # its mount targets were available when they were last checked
    is_ready: bool  # a worker can mount it
    mount_targets: dict[str, list[str]]  # their security groups by subnet, as those of the original
    waited_seconds: int
    wait_seconds: int


class TestRemovalValue(TypedDict):
    """How far the removal of the mount targets is."""

    is_removed: bool
    waited_seconds: int
    wait_seconds: int
