"""The rules of the damage alarm: which counts are suspicious, and how they are described."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tidemark.damage.settings import DamageSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A count that is suspicious if it is large for its directory, and larger than ever before."""

    signal: str  # a field of Counts
    verb: str  # in a sentence: "120 of 400 files were replaced"
    share: Literal["share", "deleted_share"] | int  # least percentage of the directory, or its setting
    whole_percent: float = 0.0  # also the least percentage of the file system
    of_bytes: bool = False  # counts bytes instead of files
    accumulates: bool = False  # also judged over several indexes, which detects slow damage

    def percent(self, settings: DamageSettings) -> int:
        """Return the least percentage of a directory."""
        return self.share if isinstance(self.share, int) else int(getattr(settings, self.share))


# The worst first. People delete whole directories for good reasons, but rarely a large part of a file system.
RULES = {
    "replaced": Rule(
        signal="replaced",
        verb="replaced by files with another extension",
        share="share",
        accumulates=True,
    ),
    "overwritten": Rule(
        signal="overwritten",
        verb="overwritten after a long time without modification",
        share="share",
        accumulates=True,
    ),
    "emptied": Rule(signal="emptied", verb="truncated to nothing", share="share"),
    "changed": Rule(signal="changed", verb="overwritten", share=50, whole_percent=10),
    "disguised": Rule(signal="disguised", verb="changed, with the same size and times", share=50),
    "deleted": Rule(signal="deleted", verb="deleted", share="deleted_share", whole_percent=5),
    "lost": Rule(signal="lost_bytes", verb="lost", share="deleted_share", whole_percent=10, of_bytes=True),
}
GROWTH = Rule(signal="gained_bytes", verb="added", share=50, whole_percent=10, of_bytes=True)
