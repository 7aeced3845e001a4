"""The content of damage.json: the verdict on an index, and the comparisons that later verdicts need."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from tidemark.damage.facts import Comparison
from tidemark.damage.judge import judge
from tidemark.damage.settings import LONGEST_HISTORY, DamageSettings
from tidemark.damage.verdict import Status, Verdict

FORMAT = "tidemark-damage"
FORMAT_VERSION = 1
MOST_EXTENSIONS = 10_000  # that count as known; the most frequent ones


@dataclass(frozen=True, slots=True, kw_only=True)
class DamageDocument:
    """What an index records about damage."""

    index_id: str
    settings: DamageSettings
    verdict: Verdict
    comparisons: tuple[Comparison, ...]  # oldest first; the last is that of this index, if there is one
    extensions: tuple[str, ...]  # of all files of the index
    accepted_until: str = ""  # the newest index whose suspicious changes a person had accepted

    @property
    def own(self) -> Comparison | None:
        """The comparison of this index with the previous one; None if it has none."""
        last = self.comparisons[-1] if self.comparisons else None
        return last if last is not None and last.index_id == self.index_id else None

    def to_json(self) -> bytes:
        """Return the document as JSON."""
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "index_id": self.index_id,
            "settings": self.settings.to_json(),
            "verdict": self.verdict.to_json(),
            "comparisons": [each.to_json() for each in self.comparisons],
            "extensions": list(self.extensions),
            "accepted_until": self.accepted_until,
        }
        return json.dumps(content, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Return the document from its JSON. Raises ValueError if it is not one, or a newer version."""
        try:
            content = json.loads(text)
            if content["format"] != FORMAT or content["format_version"] != FORMAT_VERSION:
                raise ValueError("it has another format or version")
            return cls(
                index_id=str(content["index_id"]),
                settings=DamageSettings.from_json(content["settings"]),
                verdict=Verdict.from_json(content["verdict"]),
                comparisons=tuple(map(Comparison.from_json, content["comparisons"])),
                extensions=tuple(map(str, content["extensions"])),
                accepted_until=str(content["accepted_until"]),
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"it is not a damage document: {error!r}") from error


def next_document(
    index_id: str,
    previous: DamageDocument | None,
    comparison: Comparison | None,
    extensions: Iterable[str],
    settings: DamageSettings,
    *,
    accepted_until: str = "",
    reason: str = "",
) -> DamageDocument:
    """Return the document of an index.

    `previous` is that of the previous index. `comparison` has all directories with changes; None if there
    is none, for `reason`. `accepted_until` is as in `judge`; an earlier record of it stays valid.
    """
    past = () if previous is None else previous.comparisons
    accepted_until = max(accepted_until, "" if previous is None else previous.accepted_until)
    verdict, comparisons = Verdict(status=Status.UNKNOWN, reason=reason), past
    if comparison is not None:
        verdict = judge(comparison, past, settings, accepted_until)
        own = replace(comparison, suspicious=verdict.status is Status.SUSPICIOUS).trimmed()
        comparisons = (*past, own)[-LONGEST_HISTORY:]
    return DamageDocument(
        index_id=index_id,
        settings=settings,
        verdict=verdict,
        comparisons=comparisons,
        extensions=tuple(sorted(extensions)[:MOST_EXTENSIONS]),
        accepted_until=accepted_until,
    )
