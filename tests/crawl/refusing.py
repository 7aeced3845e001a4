"""File systems with errors: EIO by a library loaded before libc, EACCES by modes that also apply to root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_name("refusing.c")
_REPOSITORY = Path(__file__).parents[2]
# With one of the crawlers, and without the two capabilities by which modes mean nothing to root.
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
main.main(sys.argv[2:])
"""


def library(directory: Path) -> Path:
    """Return the compiled library that causes errors; skip the test without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    made = directory / "refusing.so"
    if not made.exists():
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", made, _SOURCE, "-ldl"], check=True, cwd=directory
        )
    return made


def run(
    crawler: str, *arguments: str, preload: Path | None = None, **refuse: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with one of the crawlers; `refuse` are the library's variables, in lower case."""
    environment = {**os.environ, **{f"REFUSE_{name.upper()}": value for name, value in refuse.items()}}
    if preload is not None:
        environment["LD_PRELOAD"] = str(preload)
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, crawler, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=_REPOSITORY,
        env=environment,
    )
