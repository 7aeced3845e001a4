"""Measure and print: `python -m bench [--entries N] [--directory DIR]`. Nothing else should run meanwhile."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
import time
from pathlib import Path

from bench.measure import Cost, FarStore, python, run
from bench.tree import make_tree
from tidemark.index.browse import list_directory
from tidemark.index.catalogue import newest_index
from tidemark.index.search import count, search
from tidemark.index.store import FileStore
from tidemark.index.usage import totals_of_subdirectories

FIELDS = "%p %y %s %T@ %C@ %U %G %m %n %i %l\\n"
CRAWL = """
import sys
from tidemark.crawl.crawler import CrawlOptions
from tidemark.crawl.{module} import {crawler} as Crawl
print(sum(batch.rows for batch in Crawl(sys.argv[1].encode(), CrawlOptions(threads={threads})).batches()))
"""
INDEX = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from tidemark.crawl import open_crawl
from tidemark.crawl.crawler import CrawlOptions
from tidemark.index.build import build_index
from tidemark.index.manifest import IndexIdentity
from tidemark.index.store import FileStore
root, repository, number = sys.argv[1:]
identity = IndexIdentity(
    account="0", region="bench", file_system_id="fs-bench", index_id=f"fs-bench-{number}-0"
)
build_index(
    open_crawl(root.encode(), CrawlOptions(threads=2)), FileStore(Path(repository)), identity,
    scratch=Path(repository), now=lambda: datetime.now(UTC), worker="bench",
)
"""
SEARCH = """
import sys
from pathlib import Path
from tidemark.index.catalogue import newest_index
from tidemark.index.search import count
from tidemark.index.store import FileStore
store = FileStore(Path(sys.argv[1]))
print(count(store, newest_index(store, "fs-bench"), sys.argv[2]))
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--entries", type=int, default=1_000_000)
    arguments.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "tidemark-bench")
    given = arguments.parse_args()
    tree = given.directory / f"tree-{given.entries}"
    repository = given.directory / "repository"
    shutil.rmtree(repository, ignore_errors=True)
    repository.mkdir(parents=True)
    make_tree(tree, given.entries)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; {tree}\n")

    find = run(["find", tree, "-printf", FIELDS])
    row("find -printf", find, find)
    for name, command in (("fd", "fdfind"), ("du", "du"), ("ncdu", "ncdu"), ("duc", "duc")):
        arguments_of = {
            "fd": [".", tree],
            "du": ["-s", tree],
            "ncdu": ["-0", "-o/dev/null", tree],
            "duc": ["index", tree],
        }
        if shutil.which(command):
            row(name, run([command, *arguments_of[name]]), find)
    for name, module, crawler, threads in (
        ("crawl, C, 1 thread", "c_crawler", "CCrawl", 1),
        ("crawl, C, 2 threads", "c_crawler", "CCrawl", 2),
        ("crawl, C, 64 threads", "c_crawler", "CCrawl", 64),
        ("crawl, Python", "python_crawler", "PythonCrawl", 1),
    ):
        row(name, python(CRAWL.format(module=module, crawler=crawler, threads=threads), tree), find)
    row("crawl + sort + every file", python(INDEX, tree, repository, "1", runs=1), find)
    row("the same, and changes", python(INDEX, tree, repository, "2", runs=1), find)
    store = FileStore(repository)
    manifest = newest_index(store, "fs-bench")
    entries = manifest.totals.entries
    sizes = {"parts": sum(part.bytes for part in manifest.parts)}
    sizes |= {file.file: file.bytes for file in manifest.side_files}
    print(
        f"\n{entries} entries; bytes an entry:",
        *(f"{name} {size / entries:.2f}" for name, size in sizes.items()),
    )
    print(f"all together {sum(sizes.values()) / entries:.2f}\n\nfrom a cold process, on this disk:")
    needles = {
        "absent": "qxzjkv",
        "rare": manifest.parts[0].last.name,
        "common": "invoice",
        "extension": "*.xlsx",
    }
    for name, needle in needles.items():
        cost = python(SEARCH, repository, needle)
        print(
            f"  {name:24} {cost.wall:6.2f} s {cost.cpu:6.2f} s CPU {cost.memory:5.0f} MB"
            f"  {cost.output.strip()} hits"
        )
    print("\nover 30 ms and 100 MB/s a request, the manifest included:")
    far("search, absent", store, lambda there, index: count(there, index, needles["absent"]))
    far("search, rare", store, lambda there, index: len(list(search(there, index, needles["rare"]))))
    far(
        "search, full scan",
        store,
        lambda there, index: count(there, index, needles["common"], trigrams=False),
    )
    far(
        "browse a directory",
        store,
        lambda there, index: len(list(list_directory(there, index, index.parts[0].last.parent))),
    )
    far(
        "sizes of subtrees of /",
        store,
        lambda there, index: len(list(totals_of_subdirectories(there, index, "/"))),
    )


def row(name: str, cost: Cost, find: Cost) -> None:
    print(
        f"{name:28} {cost.wall:7.2f} s wall {cost.cpu:7.2f} s CPU {cost.memory:5.0f} MB"
        f"   wall/find {cost.wall / find.wall:5.2f}   CPU/find {cost.cpu / find.cpu:5.2f}"
    )


def far(name: str, store: FileStore, ask) -> None:  # type: ignore[no-untyped-def]  # five small lambdas
    there = FarStore(store)
    index = newest_index(store, "fs-bench")
    there.get(index.key)
    started = time.monotonic()
    found = ask(there, index)
    print(
        f"  {name:24} {time.monotonic() - started + 0.03:6.2f} s {there.requests:4} GETs"
        f" {there.bytes / 1e6:7.2f} MB  {found} found"
    )


if __name__ == "__main__":
    main()
