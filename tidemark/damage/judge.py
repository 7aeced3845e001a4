"""Judges the changes of an index by rules and by the file system's own history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tidemark.damage.facts import ROOT, Comparison, Scope, above_of
from tidemark.damage.rules import GROWTH, RULES, Rule
from tidemark.damage.settings import LONGEST_HISTORY, DamageSettings
from tidemark.damage.verdict import Finding, Status, Verdict

WINDOW = 14  # indexes over which slow damage accumulates
_SLOW_SHARE = 0.5  # of a rule's share, for what accumulates
_FOCUS = 0.8  # share of a directory's changes that makes a subdirectory the better name for them
_MOST_NAMED = 5  # directories of one rule


def judge(
    current: Comparison,
    past: Sequence[Comparison],
    settings: DamageSettings,
    accepted_until: str = "",
) -> Verdict:
    """Return the verdict on an index.

    `past` are the earlier comparisons of the file system, oldest first. Suspicious ones are not part of the
    history that counts as usual, unless a person has accepted them: those up to the index `accepted_until`.
    """
    usual = [each for each in past if not is_open(each, accepted_until)][-LONGEST_HISTORY:]
    if len(usual) < settings.history:
        few = f"{len(usual)} earlier comparison{'' if len(usual) == 1 else 's'}"
        reason = f"not enough history: {few} of the {settings.history} that a judgment requires"
        return Verdict(status=Status.UNKNOWN, reason=reason)
    findings = [
        finding for name, rule in RULES.items() for finding in _findings(name, rule, current, usual, settings)
    ]
    named = {(each.rule, each.directory) for each in findings}
    slow = [
        finding
        for name, rule in RULES.items()
        if rule.accumulates
        for finding in _slow(name, rule, current, usual, settings)
        if not any((name, each) in named for each in (finding.directory, *above_of(finding.directory)))
    ]
    growth = tuple(_findings("growth", GROWTH, current, usual, settings))
    if not findings and not slow:
        return Verdict(status=Status.NORMAL, growth=growth)
    return Verdict(
        status=Status.SUSPICIOUS,
        findings=(*findings, *slow),
        growth=growth,
        last_good_index_id=_last_good(current, past, slow, accepted_until),
    )


def is_open(comparison: Comparison, accepted_until: str) -> bool:
    """Return whether a comparison was judged suspicious, and no person has accepted it since."""
    return comparison.suspicious and comparison.index_id > accepted_until


def _findings(
    name: str, rule: Rule, current: Comparison, usual: Sequence[Comparison], settings: DamageSettings
) -> Iterator[Finding]:
    def is_suspicious(path: str) -> bool:
        scope = current.scopes[path]
        amount = scope.counts.of(rule.signal)
        return _is_large(rule, amount, scope, current.root, settings) and amount >= settings.factor * _usual(
            rule, path, current, usual
        )

    suspicious = [path for path in current.scopes if is_suspicious(path)]
    for path in _named(
        suspicious, {each: current.scopes[each].counts.of(rule.signal) for each in suspicious}
    ):
        scope = current.scopes[path]
        yield Finding(
            rule=name,
            directory=path,
            amount=scope.counts.of(rule.signal),
            of=scope.bytes if rule.of_bytes else scope.files,
            usual=_usual(rule, path, current, usual),
            indexes=1,
            example=_example(current) if rule.signal == "replaced" else "",
        )


def _is_large(rule: Rule, amount: int, scope: Scope, root: Scope, settings: DamageSettings) -> bool:
    of, whole = (scope.bytes, root.bytes) if rule.of_bytes else (scope.files, root.files)
    return (
        amount >= (1 if rule.of_bytes else settings.files)
        and 100 * amount >= rule.percent(settings) * of
        and 100 * amount >= rule.whole_percent * whole
    )


def _usual(rule: Rule, path: str, current: Comparison, usual: Sequence[Comparison]) -> int:
    """Return the most changes of a directory in any earlier comparison.

    A directory that was removed as a whole is also compared with its siblings that were: a deployment removes
    another directory each time.
    """
    most = max(each.at_most(path, rule.signal) for each in usual)
    gone = _removed(path, current)
    if gone is not None:
        parent = next(above_of(gone))
        siblings = (
            scope.counts.of(rule.signal)
            for each in usual
            for other, scope in each.scopes.items()
            if other != ROOT and scope.files_after == 0 and next(above_of(other)) == parent
        )
        most = max([most, *siblings])
    return most


def _removed(path: str, current: Comparison) -> str | None:
    """Return the highest directory that is or contains `path` and has lost all its files; None if none."""
    found = None
    for each in (path, *above_of(path)):
        scope = current.scopes.get(each)
        if each != ROOT and scope is not None and scope.files_after == 0:
            found = each
    return found


def _slow(
    name: str, rule: Rule, current: Comparison, usual: Sequence[Comparison], settings: DamageSettings
) -> Iterator[Finding]:
    """Find changes that are too small in each index, and too large together.

    The sum over WINDOW indexes is compared with the largest sum over as many earlier ones.
    """
    recent, earlier = [*usual[-(WINDOW - 1) :], current], usual[: -(WINDOW - 1)]
    if len(earlier) < WINDOW:
        return
    amounts: dict[str, int] = {}
    for path, scope in current.scopes.items():
        amount = sum(each.at_least(path, rule.signal) for each in recent)
        if (
            scope.counts.of(rule.signal)
            and amount >= 2 * settings.files
            and 100 * amount >= _SLOW_SHARE * rule.percent(settings) * scope.files
            and amount >= settings.factor * _most_in_window(path, rule, earlier)
        ):
            amounts[path] = amount
    for path in _named(list(amounts), amounts):
        yield Finding(
            rule=name,
            directory=path,
            amount=amounts[path],
            of=current.scopes[path].files,
            usual=_most_in_window(path, rule, earlier),
            indexes=WINDOW,
            example=_example(current) if rule.signal == "replaced" else "",
        )


def _most_in_window(path: str, rule: Rule, earlier: Sequence[Comparison]) -> int:
    values = [each.at_most(path, rule.signal) for each in earlier]
    return max(sum(values[at : at + WINDOW]) for at in range(len(values) - WINDOW + 1))


def _named(paths: Sequence[str], amounts: Mapping[str, int]) -> list[str]:
    """Return the directories that describe where the changes are: few, and as deep as possible."""
    chosen = [each for path in _tops(paths) for each in _focused(path, paths, amounts)]
    return sorted(chosen, key=lambda each: (-amounts[each], each))[:_MOST_NAMED]


def _focused(path: str, paths: Sequence[str], amounts: Mapping[str, int]) -> list[str]:
    below = _tops([each for each in paths if each != path and each.startswith(path)])
    large = [each for each in below if amounts[each] >= _FOCUS * amounts[path]]
    if not large and len(below) <= _MOST_NAMED:
        together = sum(amounts[each] for each in below)
        large = below if together >= _FOCUS * amounts[path] else []
    return [found for each in large for found in _focused(each, paths, amounts)] or [path]


def _tops(paths: Sequence[str]) -> list[str]:
    """Return the directories that are below no other one of them."""
    tops: list[str] = []
    for path in sorted(paths):  # a directory sorts before those below it
        if not tops or not path.startswith(tops[-1]):
            tops.append(path)
    return tops


def _example(current: Comparison) -> str:
    return current.extensions[0][0] if current.extensions else ""


def _last_good(
    current: Comparison, past: Sequence[Comparison], slow: Sequence[Finding], accepted_until: str
) -> str | None:
    """Return the newest index before the damage: before this one, and before those judged likewise."""
    known = [*past, current]
    at = len(known) - 1
    if slow:
        at = max(0, at - WINDOW + 1)
    while at > 0 and is_open(known[at - 1], accepted_until):
        at -= 1
    return known[at].previous_index_id
