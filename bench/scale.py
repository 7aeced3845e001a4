"""Measures the cost and memory of sorting and writing, with synthetic file servers of two sizes."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import Figure, at_least, plain
from bench.measure import run

FILE_SYSTEM = "fs-0000000000000001"  # the name that bench.synthetic derives from its seed
_SMALL = 1_000_000


def figures(repository: Path, entries: int) -> Iterator[Figure]:
    """Yield the writer's rate and memory; leaves the larger index in the repository."""
    for number in (_SMALL, entries):
        made = _index(repository, number)
        rate = made["entries"] / made["cpu_seconds"]
        yield at_least(f"{number:,} entries: entries per second of CPU", rate, 300_000, "", 0)
        yield plain(
            f"{number:,} entries: entries per second of wall time",
            f"{made['entries'] / made['wall_seconds']:.0f}",
        )
        yield plain(f"{number:,} entries: peak memory", f"{made['memory_mb']:.0f} MB")


def make_repository(repository: Path, entries: int) -> None:
    """Index `entries` entries into a repository, unless it has an index already."""
    if not list(repository.glob("indexes/*/*/*/*/manifest.json")):
        _index(repository, entries)


def _index(repository: Path, entries: int) -> dict[str, Any]:
    shutil.rmtree(repository, ignore_errors=True)
    command = [sys.executable, "-m", "bench.synthetic", "--json"]
    cost = run([*command, "--entries", str(entries), "--repository", repository.as_uri()], runs=1)
    made: dict[str, Any] = json.loads(cost.output)
    return made
