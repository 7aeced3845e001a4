"""Runs tests inside a copy of the tree: `python -m bench.mutation.inside`, in the copy's directory.

Reads requests, one line of JSON each, and writes one line of response per request. A fork of this process,
which has imported the libraries but not the product, runs each request: so a mutant costs only its tests,
without the start of Python, boto3 and moto.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.mutation.targets import TREE

_QUIET = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", "--tb=line")
_SECONDS_OF_A_TEST = 200  # the slowest takes six on an idle machine; detects tests that hang
_NO_TESTS = 5  # pytest's exit code
_REPORT = Path("mutation-report.json")


def main() -> None:
    """Handle requests until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller handles it and closes the input
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in request.get("preload", ()):
            with contextlib.suppress(Exception):
                importlib.import_module(module)
    _REPORT.unlink(missing_ok=True)
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        _in_child(lambda: _run(request["tests"]))
    code = _wait(child, request["timeout"])
    report = json.loads(_REPORT.read_text()) if _REPORT.exists() else {}
    return {"code": code, "seconds": round(time.monotonic() - started, 1), **report}


def _in_child(run: Callable[[], int]) -> None:
    code = 99
    try:
        os.setsid()
        log = os.open("mutation-output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = run()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _wait(child: int, timeout: float) -> int | None:
    """Return the exit code, or None if the child was killed after the timeout. Kills its process group."""
    deadline = time.monotonic() + timeout
    code: int | None = None
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            break
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if code is None:
        os.waitpid(child, 0)
    return code


class _Chosen:
    """A pytest plugin that selects and orders the tests, and records the failed one."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._order = {test: number for number, test in enumerate(tests)}
        self.failed = ""
        self.seconds: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self._order]
        items[:] = sorted(chosen, key=lambda item: self._order[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def _run(tests: Sequence[str]) -> int:
    plugin = _Chosen(tests)
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    code = int(
        pytest.main([*_QUIET, "--assert=plain", f"--timeout={_SECONDS_OF_A_TEST}", *files], plugins=[plugin])
    )
    _REPORT.write_text(json.dumps({"failed": plugin.failed, "modules": _libraries()}))
    return 0 if code == _NO_TESTS else code


def _libraries() -> list[str]:
    """Return the modules of this process that do not belong to the product or its tests."""
    ours = {*TREE, "conftest", "__main__", "__mp_main__"}
    return [name for name in sys.modules if name.partition(".")[0] not in ours and "[" not in name]


if __name__ == "__main__":
    main()
