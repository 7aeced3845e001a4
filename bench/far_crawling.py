"""Measures the crawlers (64 operations at a time) against `find` (one), at 1 ms per metadata operation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.crawling import C_CRAWLER, FIND, PYTHON_CRAWLER, crawl
from bench.figures import Figure, at_least, plain
from bench.measure import apart, run
from bench.slow_file_system import SlowFileSystemMissing, slow_file_system
from bench.tree import make_directory, make_tree

_THREADS = 64  # the number of slots of an NFSv4.1 mount


def figures(scratch: Path) -> Iterator[Figure]:
    """Yield the speed of the crawlers as multiples of `find`; without FUSE, one line with the reason."""
    small, tree, flat = scratch / "tree-20000", scratch / "tree-100000", scratch / "directory-100000"
    apart(make_tree, small, 20_000)
    apart(make_tree, tree, 100_000)
    apart(make_directory, flat, 100_000)
    try:
        yield from _compared("plain READDIR", small, readdirplus=False, least=(30, 15))
        yield from _compared("READDIRPLUS", tree, readdirplus=True, least=(10, 4))
        yield from _compared(
            "one directory of 100,000 entries, plain READDIR", flat, readdirplus=False, least=(40, 15)
        )
    except SlowFileSystemMissing as missing:
        yield plain("1 ms for each operation", f"not measured: {missing}")


def _compared(what: str, tree: Path, *, readdirplus: bool, least: tuple[int, int]) -> Iterator[Figure]:
    with slow_file_system(tree, readdirplus=readdirplus) as mount:
        find = run(["find", mount, *FIND], runs=1)
        entries = len(list(tree.rglob("*")))
        yield plain(f"`find`, {what}: entries per second", f"{entries / find.wall:,.0f}")
        for name, crawler, times in (("C core", C_CRAWLER, least[0]), ("Python", PYTHON_CRAWLER, least[1])):
            cost = crawl(crawler, mount, threads=_THREADS, runs=2)
            yield at_least(f"{name}, {what}: speed / `find`", find.wall / cost.wall, times)
