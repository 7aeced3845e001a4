"""Which recovery points `tidemark remove` deletes, which it refuses to delete, and why: pure decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidemark.aws.recovery_points import RecoveryPoint
from tidemark.sessions.session import FileSystem

# Source: RecoveryPointStatus in AWS Backup's model. Points in other states are being created or deleted.
_WHOLE = frozenset({"COMPLETED", "PARTIAL", "AVAILABLE"})
_DELETABLE = _WHOLE | {"EXPIRED", "STOPPED"}


class Kept(StrEnum):
    """Why a selected point is not deleted."""

    LAST = "last"  # it would be the last point of its file system
    LOCKED = "vault-lock"
    HELD = "legal-hold"
    BUSY = "busy"  # it is being created or deleted
    UNTRUSTED = "untrusted"  # its tags were altered, so it may be a point of another program
    ELSEWHERE = "other-account"  # the vault is in an account that these credentials do not belong to


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The points to delete: those that meet every given condition."""

    policy: str | None = None
    copies: bool = False  # only copies
    manual: bool = False  # only points of runs that a user started
    before: datetime | None = None  # only points that were created before

    def includes(self, held: HeldPoint) -> bool:
        """Return whether a point meets the conditions."""
        metadata = held.point.tags.metadata
        return (
            (self.policy is None or (metadata is not None and metadata.policy == self.policy))
            and (not self.copies or held.point.is_copy)
            and (not self.manual or held.is_manual)
            and (self.before is None or held.point.created_at < self.before)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPoint:
    """A recovery point of a file system, with what its session recorded."""

    file_system: FileSystem
    point: RecoveryPoint
    is_manual: bool

    @property
    def is_ours(self) -> bool:
        """Whether Tidemark has created the point, by its tags."""
        return self.point.tags.metadata is not None

    @property
    def is_whole(self) -> bool:
        """Whether files can be restored from the point."""
        return self.is_ours and self.point.status in _WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Locks:
    """What prevents the deletion of points, as AWS Backup describes it."""

    vaults: Mapping[tuple[str, str], str]  # (Region, name) of each locked vault -> the lock, in words
    held: Mapping[str, str]  # ARN of each point under a legal hold -> the title of the hold


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPoint:
    """A selected point that is not deleted."""

    held: HeldPoint
    why: Kept
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalPlan:
    """The points to delete, oldest first, and the selected ones that are kept."""

    removals: tuple[HeldPoint, ...]
    kept: tuple[KeptPoint, ...]


def plan_removal(
    points: Sequence[HeldPoint], selection: Selection, locks: Locks, *, last: bool
) -> RemovalPlan:
    """Return what is deleted of the points of any number of file systems.

    Without `last`, one whole point of each file system remains: another one, a copy, or the newest selected
    one. Points that another program has created are never selected, and do not count as remaining.
    """
    selected = [each for each in points if _is_candidate(each) and selection.includes(each)]
    kept = [found for each in selected if (found := _refusal(each, locks))]
    refused = {each.held.point.recovery_point_arn for each in kept}
    removals = [each for each in selected if each.point.recovery_point_arn not in refused]
    removed = {each.point.recovery_point_arn for each in removals}
    for file_system in () if last else sorted({each.file_system for each in removals}):
        whole = [each for each in points if each.file_system == file_system and each.is_whole]
        if whole and all(each.point.recovery_point_arn in removed for each in whole):
            newest = max(whole, key=lambda each: (each.point.created_at, not each.point.is_copy))
            removals.remove(newest)
            kept.append(KeptPoint(held=newest, why=Kept.LAST))
    return RemovalPlan(
        removals=tuple(sorted(removals, key=lambda each: (each.file_system, each.point.created_at))),
        kept=tuple(kept),
    )


def _is_candidate(held: HeldPoint) -> bool:
    """Return whether Tidemark has created a point, or may have: tags that were altered are reported."""
    return held.is_ours or bool(held.point.tags.problems)


def _refusal(held: HeldPoint, locks: Locks) -> KeptPoint | None:
    point = held.point
    if not held.is_ours:
        return KeptPoint(held=held, why=Kept.UNTRUSTED, detail=point.tags.problems[0].message)
    if point.recorded_in:
        return KeptPoint(held=held, why=Kept.ELSEWHERE, detail=point.recorded_in)
    if point.status not in _DELETABLE:
        return KeptPoint(held=held, why=Kept.BUSY, detail=point.status)
    if lock := locks.vaults.get((point.region, point.vault)):
        return KeptPoint(held=held, why=Kept.LOCKED, detail=lock)
    if hold := locks.held.get(point.recovery_point_arn):
        return KeptPoint(held=held, why=Kept.HELD, detail=hold)
    return None
