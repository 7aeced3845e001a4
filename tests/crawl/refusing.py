"""File systems with errors: EIO by a library loaded before libc, EACCES by modes that also apply to root."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_name("refusing.c")
_REPOSITORY = Path(__file__).parents[2]
# Runs a command as often as the second argument says: with one of the crawlers, and without the two
# capabilities by which modes mean nothing to root. Ends at the first exit code that is not 0.
_PROGRAM = """
import ctypes, sys
import tidemark.crawl
from tidemark.cli import main
if sys.argv[1] == "PythonCrawl":
    tidemark.crawl.load_core = lambda: None
head, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
libc = ctypes.CDLL(None, use_errno=True)
assert libc.capget(head, sets) == 0
for word in range(3):  # effective, permitted, inheritable
    sets[word] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
assert libc.capset(head, sets) == 0
for _ in range(int(sys.argv[2])):
    try:
        main.main(sys.argv[3:])
    except SystemExit as end:
        if end.code:
            raise
"""


def library(directory: Path) -> Path:
    """Return the compiled library that causes errors; skip the test without a compiler."""
    made = directory / "refusing.so"
    made.write_bytes(_compiled())
    return made


@functools.cache
def _compiled() -> bytes:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "refusing.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, _SOURCE, "-ldl"], check=True)
        return made.read_bytes()


def run(
    crawler: str, *arguments: str, preload: Path | None = None, runs: int = 1, **refuse: str
) -> subprocess.CompletedProcess[str]:
    """Run a command once or more with one of the crawlers; `refuse` are the library's variables, in lower
    case."""
    environment = {**os.environ, **{f"REFUSE_{name.upper()}": value for name, value in refuse.items()}}
    if preload is not None:
        environment["LD_PRELOAD"] = str(preload)
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, crawler, str(runs), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=_REPOSITORY,
        env=environment,
    )
