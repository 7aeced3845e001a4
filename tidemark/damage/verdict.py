"""The judgment of one index: a status and findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self


class Status(StrEnum):
    """Whether an index's changes look like damage."""

    UNKNOWN = "unknown"  # there is nothing to compare with yet, or not enough of it
    NORMAL = "normal"
    SUSPICIOUS = "suspicious"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Changes of one directory that its history does not explain."""

    rule: str  # a key of rules.RULES
    directory: str  # escaped, with a slash at the end
    amount: int  # files, or bytes
    of: int  # files or bytes of the directory before
    usual: int  # the most in any earlier comparison of the same length
    indexes: int  # over which the amount accumulated
    example: str = ""  # the extension of most replacements, if it is new

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return {
            "rule": self.rule,
            "directory": self.directory,
            "amount": self.amount,
            "of": self.of,
            "usual": self.usual,
            "indexes": self.indexes,
            "example": self.example,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the finding from its JSON values. Raises KeyError, ValueError or TypeError."""
        return cls(
            rule=str(content["rule"]),
            directory=str(content["directory"]),
            amount=int(content["amount"]),
            of=int(content["of"]),
            usual=int(content["usual"]),
            indexes=int(content["indexes"]),
            example=str(content["example"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgment of one index."""

    status: Status
    reason: str = ""  # why the status is unknown
    findings: tuple[Finding, ...] = ()  # why it is suspicious, the worst first
    growth: tuple[Finding, ...] = ()  # unusual growth, which is no damage
    last_good_index_id: str | None = None  # the newest index before the damage

    def __post_init__(self) -> None:
        if bool(self.findings) != (self.status is Status.SUSPICIOUS):
            raise ValueError(f"{self.status} does not match {len(self.findings)} findings")

    def with_last_good(self, index_id: str | None) -> Verdict:
        """Return the verdict with another last good index."""
        return replace(self, last_good_index_id=index_id)

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        return {
            "status": self.status.value,
            "reason": self.reason,
            "findings": [each.to_json() for each in self.findings],
            "growth": [each.to_json() for each in self.growth],
            "last_good_index_id": self.last_good_index_id,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the verdict from its JSON values. Raises KeyError, ValueError or TypeError."""
        last_good = content["last_good_index_id"]
        return cls(
            status=Status(content["status"]),
            reason=str(content["reason"]),
            findings=tuple(map(Finding.from_json, content["findings"])),
            growth=tuple(map(Finding.from_json, content["growth"])),
            last_good_index_id=None if last_good is None else str(last_good),
        )
