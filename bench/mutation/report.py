"""The survivors and the score."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bench.mutation.mutants import Mutant


class Status(StrEnum):
    """The result of a mutant."""

    KILLED = "killed"  # a test failed
    TIMEOUT = "timeout"  # the tests did not end, which counts as detected
    SURVIVED = "survived"
    NOT_RUN = "not run"  # no test runs the line


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A judged mutant."""

    mutant_id: str
    status: Status
    seconds: float
    killed_by: str  # the first test that failed; empty if the file could not be imported

    def to_json(self) -> dict[str, Any]:
        """Return the arguments of `Result(**value)`."""
        return asdict(self)


def survivors(
    mutants: Sequence[Mutant],
    results: Mapping[str, Result],
    equivalent: Collection[str],
    sources: Mapping[str, bytes],
) -> Iterator[str]:
    """Yield each mutant that no test detected, with its diff, ordered by file and line."""
    for mutant in sorted(mutants, key=lambda one: (one.file, one.start, one.end, one.change)):
        result = results.get(mutant.mutant_id)
        if result is None or mutant.mutant_id in equivalent:
            continue
        if result.status in {Status.SURVIVED, Status.NOT_RUN}:
            yield f"\n{mutant.file}:{mutant.line} in {mutant.within or 'the module'}, {result.status}"
            yield f"    {mutant.operator}: {mutant.change}"
            yield "\n".join(f"    {line}" for line in mutant.diff(sources[mutant.file]).splitlines())


def table(
    mutants: Sequence[Mutant], results: Mapping[str, Result], equivalent: Collection[str]
) -> Iterator[str]:
    """Yield the score of each file and of all: the detected share of judged, non-equivalent mutants."""
    yield ""
    yield _row("file", "mutants", "judged", "noticed", "survived", "not run", "equal", "score")
    for file in (*sorted({mutant.file for mutant in mutants}), ""):
        own = [mutant for mutant in mutants if file in {"", mutant.file}]
        equal = [mutant for mutant in own if mutant.mutant_id in equivalent]
        judged = [
            results[mutant.mutant_id].status
            for mutant in own
            if mutant.mutant_id in results and mutant.mutant_id not in equivalent
        ]
        survived, not_run = judged.count(Status.SURVIVED), judged.count(Status.NOT_RUN)
        noticed = len(judged) - survived - not_run
        score = f"{noticed / len(judged):.1%}" if judged else "-"
        yield _row(file or "all", len(own), len(judged), noticed, survived, not_run, len(equal), score)


def _row(file: str, *columns: str | int) -> str:
    return f"{file:36}" + "".join(f"{column:>9}" for column in columns)
