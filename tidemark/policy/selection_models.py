"""The keys of `select` and `exclude` in `tidemark.yaml` as pydantic models.

Rules across values are in `selection_rules.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from tidemark.policy.part import Part
from tidemark.policy.value_types import AccountName, FileSystemName, RegionName

# Source: AWS Tagging User Guide, "Tag naming and usage".
TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128)]
TagValue = Annotated[str, StringConstraints(max_length=256)]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


TagValues = Annotated[
    list[TagValue], BeforeValidator(_as_list, json_schema_input_type=TagValue | list[TagValue])
]
Tags = dict[TagKey, TagValues]
_VALUES = "A value is exact, and * stands for any text; of a list, one must match."


class SelectPart(Part):
    """Conditions that a file system must all meet. Without tags: all file systems of the places."""

    tags: Tags = Field(
        {},
        description=f"Tags that the file system must have. {_VALUES}",
        examples=[{"backup": "daily"}, {"team": ["web", "data-*"]}],
    )
    accounts: list[AccountName] | Literal["all"] = Field(
        "all", description="Names under `accounts`, and home for the deployment's account. Default: all."
    )
    regions: list[RegionName] | Literal["all"] = Field(
        "all", description="Regions of these accounts. Default: all that this file names for the account."
    )


class ExcludePart(Part):
    """File systems that no run of the policy includes, even if they are named or selected."""

    file_systems: list[FileSystemName] = Field([], description="Named as under `file_systems`.")
    tags: Tags = Field(
        {},
        description=f"Excludes file systems with any of these tags. {_VALUES}",
        examples=[{"backup": "never"}],
    )
