"""The thresholds of the damage alarm."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

LONGEST_HISTORY = 60  # indexes that are compared with a new one


@dataclass(frozen=True, slots=True, kw_only=True)
class DamageSettings:
    """When the changes of an index are suspicious. Shares are percentages of the files of a directory."""

    history: int = 7  # earlier comparisons without damage that a judgment requires
    files: int = 50  # smaller changes are never suspicious
    factor: float = 3.0  # times the largest earlier change of the same directory
    share: int = 20  # of a directory's files: replaced, overwritten or emptied
    deleted_share: int = 30  # of a directory's files, or of its bytes
    old_days: int = 30  # a file without modification for this long is old

    def __post_init__(self) -> None:
        if not 1 <= self.history < LONGEST_HISTORY:
            raise ValueError(f"{self.history} is not from 1 to {LONGEST_HISTORY - 1} indexes")
        if self.files < 1 or self.old_days < 1 or not self.factor >= 1:
            raise ValueError(f"{self} has a threshold below 1")
        if not (1 <= self.share <= 100 and 1 <= self.deleted_share <= 100):
            raise ValueError(f"{self} has a share that is not from 1 to 100 percent")

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return the settings that `to_json` returned; ignores what a later version added.

        Raises ValueError, TypeError or AttributeError if they are invalid.
        """
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in known})
