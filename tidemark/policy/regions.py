"""The AWS Regions that the SDK knows, and the names that newer Regions may have."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping

# Every Region is named by a place and a compass point, and numbered from 1: us-gov-west-1.
_NAME = re.compile(
    r"(?P<stem>.+-(?:central|north|south|(?:north|south)?(?:east|west)))-(?P<number>[1-9][0-9]?)"
)
_NUMBERS_AHEAD = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """The Regions that the AWS SDK knows, and the form of those in each of AWS's partitions."""

    known: frozenset[str]
    forms: Mapping[str, str]  # partition -> regular expression

    def problem(self, region: str) -> str | None:
        """Return what is wrong with a Region's name, and the fix; None for a valid or possibly new one."""
        if region in self.known or self._may_be_new(region):
            return None
        near = difflib.get_close_matches(region, self.known, n=1, cutoff=0.6)
        hint = f"did you mean {self._first_of(near[0])}?" if near else "write one such as eu-central-1"
        return f"{region} is not an AWS Region; {hint} (for a new Region, upgrade botocore and try again)"

    def partition(self, region: str) -> str | None:
        """Return the partition of a Region, such as aws-cn; None for a name that fits no partition."""
        return next((name for name, form in self.forms.items() if re.fullmatch(form, region)), None)

    def _first_of(self, region: str) -> str:
        """Return the lowest-numbered Region whose name differs from `region` only in the number."""
        return min(known for known in self.known if known.rpartition("-")[0] == region.rpartition("-")[0])

    def _may_be_new(self, region: str) -> bool:
        # A Region that is newer than the SDK must be usable. Edit distance cannot distinguish it from a typo:
        # mx-central-1 was one letter from me-central-1 when it opened. So a name is accepted if it has the
        # form of a partition's names, a valid compass point, and a number soon after the existing ones.
        name = _NAME.fullmatch(region)
        if name is None or self.partition(region) is None:
            return False
        numbers = [
            int(each["number"])
            for each in map(_NAME.fullmatch, self.known)
            if each is not None and each["stem"] == name["stem"]
        ]
        return int(name["number"]) <= max(numbers, default=0) + _NUMBERS_AHEAD
