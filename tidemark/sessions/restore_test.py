"""The point that a restore test of AWS Backup has restored, and how Tidemark verifies it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self, cast

# Source: PutRestoreValidationResult, ValidationStatus; the others are not a verdict.
Answer = Literal["", "SUCCESSFUL", "FAILED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTest:
    """A part of the record of a restore session whose kind is `test`."""

    restore_job_id: str
    recovery_point_arn: str
    backup_started_at: datetime  # UTC, by the recovery point
    backup_ended_at: datetime
    index_id: str  # describes the recovery point; empty without one
    exact_index_id: str  # of the index that the worker builds of the restored point
    answer: Answer = ""  # as AWS Backup has accepted it

    def to_map(self) -> dict[str, object]:
        """Return the test as the value of its attribute."""
        values = dataclasses.asdict(self)
        for name in ("backup_started_at", "backup_ended_at"):
            values[name] = values[name].isoformat()
        return values

    @classmethod
    def from_map(cls, value: object) -> Self:
        """Return the test that `to_map` wrote."""
        texts = {name: str(each) for name, each in cast(Mapping[str, object], value).items()}
        return cls(
            restore_job_id=texts["restore_job_id"],
            recovery_point_arn=texts["recovery_point_arn"],
            backup_started_at=datetime.fromisoformat(texts["backup_started_at"]),
            backup_ended_at=datetime.fromisoformat(texts["backup_ended_at"]),
            index_id=texts["index_id"],
            exact_index_id=texts["exact_index_id"],
            answer=cast(Answer, texts["answer"]),
        )
