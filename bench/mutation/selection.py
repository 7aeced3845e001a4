"""Maps lines to the tests that run them, with durations; measured with coverage, cached per test file."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coverage import CoverageData

from bench.mutation.mutants import Mutant
from bench.mutation.targets import spawned_tests, test_files

_MEASURED = ("tidemark", "lambdas", "worker_image")


@dataclass(slots=True)
class Selection:
    """The coverage data of the tests."""

    root: Path
    seconds: dict[str, float] = field(default_factory=dict)  # by test
    runs: dict[str, dict[int, set[str]]] = field(default_factory=dict)  # by file and line: the tests

    def tests_for(self, mutant: Mutant) -> list[str]:
        """Return the tests that can detect a mutant, fastest first.

        If an import, not a call, runs the line, add the tests of lines that mention the names it binds.
        """
        lines = self.runs.get(mutant.file, {})
        tests = set().union(*(lines.get(line, set()) for line in range(mutant.line, mutant.last_line + 1)))
        if mutant.names:
            tests |= self._mentioning(mutant.names) or set().union(*lines.values())
        spawned = spawned_tests(mutant.file)
        tests |= {test for test in self.seconds if test.partition("::")[0] in spawned}
        return sorted(tests, key=lambda test: (round(self.seconds.get(test, 0), 1), test))

    def _mentioning(self, names: Iterable[str]) -> set[str]:
        pattern = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(names)))
        found: set[str] = set()
        for file, lines in self.runs.items():
            text = (self.root / file).read_text().splitlines()
            for line, tests in lines.items():
                if line <= len(text) and pattern.search(text[line - 1]):
                    found |= tests
        return found


def measure(root: Path, kept: Path, *, jobs: int) -> Selection:
    """Return the coverage, measuring changed test files, or all of them if the product changed."""
    product = _digest(path for top in _MEASURED for path in sorted((root / top).rglob("*.py")))
    known = json.loads(kept.read_text()) if kept.exists() else {}
    state = {file: f"{product} {_digest([root / file])}" for file in test_files(root)}
    stale = [file for file, digest in state.items() if known.get(file, {}).get("state") != digest]
    if stale:
        print(f"measuring the coverage of test files: {len(stale)}", flush=True)
        for file, seen in _measured(root, stale, jobs).items():
            known[file] = {"state": state[file], **seen}
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({file: known[file] for file in state}))
    selection = Selection(root)
    for file in state:
        selection.seconds |= known[file]["seconds"]
        for source, lines in known[file]["runs"].items():
            for line, tests in lines.items():
                selection.runs.setdefault(source, defaultdict(set))[int(line)].update(tests)
    return selection


def _measured(root: Path, files: Sequence[str], jobs: int) -> dict[str, dict[str, dict[str, object]]]:
    report, data = root / "mutation-times.xml", root / ".coverage"
    data.unlink(missing_ok=True)
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-n", str(jobs), "-p", "no:cacheprovider"),
            *("--cov-context=test", "--cov-report=", f"--junitxml={report}", "-o", "junit_family=xunit1"),
            *(f"--cov={top}" for top in _MEASURED),
            *files,
        ],
        cwd=root,
        env={**os.environ, "CI": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode not in {0, 1}:
        raise SystemExit(f"{ran.stdout[-4000:]}{ran.stderr[-2000:]}")
    seen: dict[str, dict[str, dict[str, object]]] = {file: {"seconds": {}, "runs": {}} for file in files}
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - our own pytest wrote it
        test = f"{case.get('file')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            print(f"ignored, because it fails without a mutant: {test}", flush=True)
        else:
            seen[test.partition("::")[0]]["seconds"][test] = float(case.get("time", 0))
    _add_lines(root, data, seen)
    return seen


def _add_lines(root: Path, data: Path, seen: dict[str, dict[str, dict[str, object]]]) -> None:
    coverage = CoverageData(basename=str(data))
    coverage.read()
    for path in coverage.measured_files():
        source = str(Path(path).relative_to(root))
        for line, contexts in coverage.contexts_by_lineno(path).items():
            for context in contexts:
                test = context.rpartition("|")[0]
                if test and test in seen[test.partition("::")[0]]["seconds"]:
                    lines = seen[test.partition("::")[0]]["runs"].setdefault(source, {})
                    assert isinstance(lines, dict)
                    tests = lines.setdefault(str(line), [])
                    if test not in tests:
                        tests.append(test)


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
