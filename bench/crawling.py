"""Measures the crawlers and complete indexing against `find` and similar tools on a warm local disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, at_most, plain
from bench.measure import Cost, python, run

FIND = ("-printf", "%p %y %s %T@ %C@ %U %G %m %n %i %l\\n")
CRAWL = """
import sys
from tidemark.crawl.crawler import CrawlOptions
from tidemark.crawl.{module} import {crawler} as Crawl
print(sum(batch.rows for batch in Crawl(sys.argv[1].encode(), CrawlOptions(threads={threads})).batches()))
"""
C_CRAWLER, PYTHON_CRAWLER = ("c_crawler", "CCrawl"), ("python_crawler", "PythonCrawl")
INDEX = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from tidemark.crawl import open_crawl
from tidemark.crawl.crawler import CrawlOptions
from tidemark.index.build.pipeline import build_index
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.storage.object_store import FileStore
root, repository, number = sys.argv[1:]
identity = IndexIdentity(
    account="0", region="bench", file_system_id="fs-bench", index_id=f"fs-bench-{number}-0"
)
build_index(
    open_crawl(root.encode(), CrawlOptions(threads=2)), FileStore(Path(repository)), identity,
    scratch=Path(repository), now=lambda: datetime.now(UTC), worker="bench",
)
"""
MEMORY_MB = {C_CRAWLER: 256, PYTHON_CRAWLER: 512}


def crawl(crawler: tuple[str, str], tree: Path, *, threads: int, runs: int = 3) -> Cost:
    """Crawl a tree in a new interpreter and discard the entries."""
    return python(CRAWL.format(module=crawler[0], crawler=crawler[1], threads=threads), tree, runs=runs)


def figures(tree: Path, scratch: Path) -> Iterator[Figure]:
    """Yield the costs of a crawl and an index of a warm tree, as multiples of `find`."""
    find = run(["find", tree, *FIND])
    yield plain("`find -printf` of all fields", f"{find.wall:.2f} s wall, {find.cpu:.2f} s CPU")
    for name, command in _peers(tree, scratch).items():
        if shutil.which(command[0]):
            yield plain(name, _ratios(run(command), find))
    one = crawl(C_CRAWLER, tree, threads=2)
    yield at_most("crawl, C core, 2 threads: CPU / find", one.cpu / find.cpu, 0.8)
    yield at_most("crawl, C core, 2 threads: wall / find", one.wall / find.wall, 0.5)
    many = crawl(C_CRAWLER, tree, threads=64)
    yield plain("crawl, C core, 64 threads", _ratios(many, find))
    yield at_most("crawl, C core: memory", max(one.memory, many.memory), MEMORY_MB[C_CRAWLER], " MB", 0)
    pure = crawl(PYTHON_CRAWLER, tree, threads=1)
    yield at_most("crawl, Python: CPU / find", pure.cpu / find.cpu, 1.8)
    yield plain("crawl, Python", _ratios(pure, find))
    yield at_most("crawl, Python: memory", pure.memory, MEMORY_MB[PYTHON_CRAWLER], " MB", 0)
    repository = scratch / "repository"
    shutil.rmtree(repository, ignore_errors=True)
    repository.mkdir()
    whole = python(INDEX, tree, repository, "1", runs=1)
    yield at_most("crawl, sort, write, side files: CPU / find", whole.cpu / find.cpu, 1.5)
    yield at_most("crawl, sort, write, side files: wall / find", whole.wall / find.wall, 1)
    yield plain("crawl, sort, write, side files: memory", f"{whole.memory:.0f} MB")
    again = python(INDEX, tree, repository, "2", runs=1)
    yield plain("the same, with changes since a previous index", _ratios(again, find))


def _peers(tree: Path, scratch: Path) -> dict[str, list[str | Path]]:
    return {
        "`du`": ["du", "-s", tree],
        "`fd` (names only)": ["fdfind", "--unrestricted", ".", tree],
        "`ncdu`": ["ncdu", "-0", "-o", "/dev/null", tree],
        "`duc`": ["duc", "index", "--database", scratch / "duc.db", tree],
        "`updatedb` of plocate (names only)": [
            "updatedb", "-U", tree, "-o", scratch / "tree.plocate", "--require-visibility", "no",
            "--prunepaths", "", "--prunenames", "", "--prunefs", "",
        ],
    }  # fmt: skip


def _ratios(cost: Cost, find: Cost) -> str:
    return f"{cost.wall / find.wall:.2f} x wall, {cost.cpu / find.cpu:.2f} x CPU of find"
