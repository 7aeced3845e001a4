"""Sentences about findings."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from tidemark.damage.rules import GROWTH, RULES
from tidemark.damage.verdict import Finding, Verdict
from tidemark.escape import visible

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def sentence(finding: Finding) -> str:
    """Return what happened in a directory, and what is usual there. Names are as `visible` shows them."""
    rule = GROWTH if finding.rule == "growth" else RULES.get(finding.rule)
    of_bytes = rule is not None and rule.of_bytes
    verb = finding.rule if rule is None else rule.verb
    amount, of, usual = (
        _size(each) if of_bytes else f"{each:,}" for each in (finding.amount, finding.of, finding.usual)
    )
    what = f"{amount} of {of} were {verb}" if of_bytes else f"{amount} of {of} files were {verb}"
    example = f" (.{visible(finding.example)})" if finding.example else ""
    span = f" in {finding.indexes} indexes" if finding.indexes > 1 else ""
    return f"{visible(finding.directory)}: {what}{example}{span}; at most {usual} in any earlier comparison"


def sentences(verdict: Verdict) -> list[str]:
    """Return a sentence for each finding, the worst first."""
    return [sentence(each) for each in verdict.findings]


def directories(verdict: Verdict) -> list[str]:
    """Return the directories of the findings, the worst first, without the slash at the end."""
    found = dict.fromkeys(each.directory.rstrip("/") or "/" for each in verdict.findings)
    return [each for each in found if not any(_is_below(each, other) for other in found)]


def restore_line(places: Sequence[str], file_system: str, source: Sequence[str]) -> str:
    """Return a shell command that restores directories, or the whole file system for the root.

    `source` are the options that choose the recovery point. Names are as `visible` shows them.
    """
    paths = [] if "/" in places else [visible(each) for each in places]
    words = ["tidemark", "restore", *paths, "--file-system", file_system, *source]
    return shlex.join([*words, "--to", "/restored"])


def _is_below(path: str, other: str) -> bool:
    return path != other and path.startswith(other.rstrip("/") + "/")


def _size(number: int) -> str:
    amount, unit = float(number), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.3g} {_UNITS[unit]}"
