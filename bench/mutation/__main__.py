"""Mutation testing: `python -m bench.mutation`.

All mutants take hours; `--sample 200` takes about half an hour. Mutants are judged in copies of the tree, so
the checkout does not change. Results are kept in build/mutation: an interrupted run resumes, and the same
seed gives the same sample.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from bench.mutation.copies import Copy, copy_tree
from bench.mutation.equivalents import read_equivalents, stale
from bench.mutation.mutants import Mutant, mutants_of
from bench.mutation.report import Result, Status, survivors, table
from bench.mutation.selection import Selection, measure
from bench.mutation.targets import target_files

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build/mutation"
_UNNOTICED = {Status.SURVIVED, Status.NOT_RUN}


def main() -> None:
    """Judge the selected mutants; print the survivors and the score."""
    given = _arguments()
    sources = {file: (ROOT / file).read_bytes() for file in target_files(ROOT)}
    mutants = [mutant for file, source in sources.items() for mutant in mutants_of(file, source)]
    entries = read_equivalents()
    if given.only is None and (unfit := stale(entries, mutants)):
        raise SystemExit(
            "\n".join(f"entry of equivalents.toml matches no mutant: {entry}" for entry in unfit)
        )
    chosen = _sample([mutant for mutant in mutants if _is_asked_for(mutant, given)], given.sample, given.seed)
    kept = WORK / "results.jsonl"
    if given.fresh:
        kept.unlink(missing_ok=True)
    results = _read(kept)
    equivalent = {m.mutant_id for m in chosen if any(entry.fits(m) for entry in entries)}
    known = {id_ for id_ in results if not (given.again and results[id_].status in _UNNOTICED)}
    asked = results.keys() if given.again else {mutant.mutant_id for mutant in chosen}
    todo = [one for one in chosen if one.mutant_id in asked - known - equivalent]
    if todo and not given.report:
        _judge_all(todo, kept, given.jobs, given.minutes)
        results = _read(kept)
    print("\n".join(survivors(chosen, results, equivalent, sources)))
    print("\n".join(table(chosen, results, equivalent)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.mutation", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", action="append", help="judge only this file or pattern, such as lambdas/*; can be repeated"
    )
    parser.add_argument(
        "--operator", action="append", help="judge only this operator, such as drop or swap; can be repeated"
    )
    parser.add_argument("--sample", type=int, help="judge N mutants, chosen by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="number of concurrent copies")
    parser.add_argument("--minutes", type=float, help="start no mutant after this time")
    parser.add_argument("--again", action="store_true", help="judge only earlier survivors again")
    parser.add_argument("--fresh", action="store_true", help="delete all results first")
    parser.add_argument("--report", action="store_true", help="only print existing results")
    return parser.parse_args()


def _is_asked_for(mutant: Mutant, given: argparse.Namespace) -> bool:
    return (given.only is None or any(fnmatch(mutant.file, pattern) for pattern in given.only)) and (
        given.operator is None or mutant.operator in given.operator
    )


def _sample(mutants: Sequence[Mutant], size: int | None, seed: int) -> list[Mutant]:
    """Return mutants ordered by a hash, so that a change of one line replaces few of a sample."""

    def rank(mutant: Mutant) -> bytes:
        return hashlib.sha256(f"{seed} {mutant.mutant_id}".encode()).digest()

    return sorted(mutants, key=rank)[:size]


def _read(kept: Path) -> dict[str, Result]:
    lines = kept.read_text().splitlines() if kept.exists() else []
    return {result.mutant_id: result for result in (Result(**json.loads(line)) for line in lines)}


def _judge_all(mutants: Sequence[Mutant], kept: Path, jobs: int, minutes: float | None) -> None:
    copy_tree(ROOT, WORK / "measured")
    selection = measure(WORK / "measured", WORK / "selection.json", jobs=jobs)
    started, lock, waiting = time.monotonic(), threading.Lock(), list(reversed(mutants))
    done = 0

    def work(number: int) -> None:
        nonlocal done
        with Copy(ROOT, WORK / f"copy-{number}") as copy:
            while True:
                with lock:
                    late = minutes is not None and time.monotonic() - started > minutes * 60
                    if late or not waiting:
                        return
                    mutant = waiting.pop()
                result = _judged(copy, selection, mutant)
                with lock:
                    done += 1
                    with kept.open("a") as file:
                        file.write(json.dumps(result.to_json()) + "\n")
                    print(f"{done}/{len(mutants)} {result.status:8} {mutant.title}", flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            for future in [pool.submit(work, number) for number in range(jobs)]:
                future.result()
        finally:
            waiting.clear()  # interrupted: finish the current mutants and keep their results


def _judged(copy: Copy, selection: Selection, mutant: Mutant) -> Result:
    tests = selection.tests_for(mutant)
    if not tests:
        return Result(mutant_id=mutant.mutant_id, status=Status.NOT_RUN, seconds=0, killed_by="")
    expected = sum(selection.seconds.get(test, 1) for test in tests)
    answer: dict[str, Any] = copy.judge(mutant, tests, timeout=60 + 4 * expected)
    match answer["code"]:
        case None:
            status = Status.TIMEOUT
        case 0:
            status = Status.SURVIVED
        case _:
            status = Status.KILLED
    return Result(
        mutant_id=mutant.mutant_id,
        status=status,
        seconds=answer["seconds"],
        killed_by=answer.get("failed", ""),
    )


if __name__ == "__main__":
    main()
