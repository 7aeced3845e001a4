"""Copies of the tree; each judges one mutant at a time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.mutation.mutants import Mutant
from bench.mutation.targets import TREE

_FILES = ("pyproject.toml", "tidemark.yaml", "requirements.txt")
_LONG_AGO = 1_000_000_000  # seconds; see Copy._write


def copy_tree(source: Path, target: Path) -> None:
    """Copy the files that the tests need; replaces the target."""
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in TREE:
        shutil.copytree(source / name, target / name, ignore=ignored)
    for name in _FILES:
        shutil.copy(source / name, target / name)


class Copy:
    """One copy with the process that runs tests in it."""

    def __init__(self, source: Path, root: Path) -> None:
        copy_tree(source, root)
        self._source, self._root = source, root
        self._written = 0
        self._preload: set[str] = set()
        self._process: subprocess.Popen[str] | None = None

    def judge(self, mutant: Mutant, tests: Sequence[str], timeout: float) -> dict[str, Any]:
        """Return the exit code of the tests with the mutant applied (None: timeout)."""
        original = (self._source / mutant.file).read_bytes()
        self._write(mutant.file, mutant.apply(original))
        try:
            return self.run(tests, timeout)
        finally:
            self._write(mutant.file, original)

    def run(self, tests: Sequence[str], timeout: float) -> dict[str, Any]:
        """Return the exit code of the tests, and the failed test."""
        process = self._process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"tests": list(tests), "timeout": timeout, "preload": sorted(self._preload)}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"the process that runs the tests in {self._root} has ended")
        answer: dict[str, Any] = json.loads(line)
        self._preload = set(answer.pop("modules", ()))
        return answer

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "bench.mutation.inside"],
            cwd=self._root,
            env={**os.environ, "CI": "1", "PYTHONPATH": str(self._root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _write(self, file: str, content: bytes) -> None:
        """Write a file with a unique time, because Python matches compiled files by time and size."""
        path = self._root / file
        path.write_bytes(content)
        self._written += 1
        os.utime(path, (_LONG_AGO + self._written, _LONG_AGO + self._written))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate()
