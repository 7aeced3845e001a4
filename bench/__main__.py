"""Measure Tidemark on this machine: `python -m bench`. Run nothing else meanwhile.

Prints a table for each section. Ratios compare figures of the same run, because machines differ and are
shared; figures in seconds apply to this machine only. Takes half an hour, and 6 GB below --directory.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import comparing, crawling, far_crawling, finding, paging, refusing, scale
from bench.figures import printed
from bench.measure import apart
from bench.tree import make_tree

SECTIONS = ("crawling", "latency", "writing", "finding", "comparing", "unreadable", "page")
PAGE = Path("docs/performance.md")


def main() -> None:
    """Run the selected sections, print their tables, and save them with --keep."""
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    arguments.add_argument(
        "--only", choices=SECTIONS, action="append", help="run only this section; can be repeated"
    )
    arguments.add_argument("--entries", type=int, default=1_000_000, help="size of the crawled tree")
    arguments.add_argument("--indexed", type=int, default=10_000_000, help="size of the searched index")
    arguments.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "tidemark-bench")
    arguments.add_argument("--keep", action="store_true", help=f"write the tables to {PAGE}")
    given = arguments.parse_args()
    given.directory.mkdir(parents=True, exist_ok=True)
    lines = [_machine(), ""]
    print("\n".join(lines))
    for section in given.only or SECTIONS:
        lines += _section(section, given.directory, given.entries, given.indexed)
    if given.keep:
        before = re.split(r"^(?=## |Measured )", PAGE.read_text(), maxsplit=1, flags=re.MULTILINE)[0]
        PAGE.write_text(before + "\n".join(lines).rstrip() + "\n")


def _section(section: str, directory: Path, entries: int, indexed: int) -> list[str]:
    repository = directory / f"repository-{indexed}"
    match section:
        case "crawling":
            tree = directory / f"tree-{entries}"
            apart(make_tree, tree, entries)
            return printed(f"Crawling {entries:,} entries", crawling.figures(tree, directory))
        case "latency":
            return printed("Crawling at 1 ms per operation", far_crawling.figures(directory))
        case "writing":
            return printed("Sorting and writing, with side files", scale.figures(repository, indexed))
        case "comparing":
            return printed("Comparing indexes", comparing.figures(directory, indexed // 2))
        case "unreadable":
            return printed("Unreadable paths", refusing.figures(directory))
        case "page":
            scale.make_repository(repository, indexed)
            return printed(f"Pages on {indexed:,} entries", paging.figures(repository))
        case _:
            scale.make_repository(repository, indexed)
            return printed(
                f"Finding in {indexed:,} entries", finding.figures(repository, scale.FILE_SYSTEM, directory)
            )


def _machine() -> str:
    model = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores ({model[1] if model else '?'}, "
        f"{memory:.0f} GB), {platform.system()} {platform.release()}, Python {platform.python_version()}."
    )


if __name__ == "__main__":
    main()
