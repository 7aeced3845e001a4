"""An index of very many entries: a synthetic tree, repeated below different directories.

`python -m bench.repeated --times 1000` sorts and writes 100 million entries, and prints the memory used.
Generating that many distinct entries would take longer than indexing them. Needs 100 bytes of scratch space
per entry.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import tempfile
import time
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from bench.synthetic import SyntheticCrawl, bytes_column
from bench.uninterrupted import UninterruptedCrawl
from tidemark.crawl.batch import Batch
from tidemark.index.build.pipeline import build_index
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.storage.object_store import FileStore

_TREE_ENTRIES = 100_000


class RepeatedCrawl(UninterruptedCrawl):
    """A `tidemark.crawl.crawler.Crawl` of the same tree below /copy-0, /copy-1 and so on."""

    def __init__(self, times: int) -> None:
        self._times = times
        self._batches = list(SyntheticCrawl(_TREE_ENTRIES).batches())

    def batches(self) -> Iterator[Batch]:
        for number in range(self._times):
            for batch in self._batches:
                ends, letters = array("i", bytes(batch.directories.offsets)), bytes(batch.directories.data)
                paths = [letters[start:end] for start, end in pairwise(ends)]
                self._entries += batch.rows
                yield dataclasses.replace(
                    batch, directories=bytes_column([b"/copy-%d%s" % (number, path) for path in paths])
                )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument(
        "--times", type=int, default=10, help=f"number of repetitions, {_TREE_ENTRIES:,} entries each"
    )
    arguments.add_argument(
        "--directory", type=Path, default=None, help="directory for scratch files and the index"
    )
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory) as scratch:
        crawl = RepeatedCrawl(given.times)
        before = _memory_mb()
        wall, cpu = time.monotonic(), time.process_time()
        identity = IndexIdentity(
            account="local",
            region="local",
            file_system_id="fs-0000000000000100",
            index_id=f"fs-0000000000000100-20260921T000000Z-{given.times:06x}",
        )
        store = FileStore(Path(scratch) / "repository")
        manifest = build_index(
            crawl,
            store,
            identity,
            scratch=Path(scratch),
            now=lambda: datetime(2026, 9, 21, tzinfo=UTC),
            worker="bench",
        )
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    entries = manifest.totals.entries
    size = sum(file.bytes for file in (*manifest.parts, *manifest.side_files))
    print(
        f"{entries:,} entries: {cpu / entries * 1e6:.2f} us CPU, {wall / entries * 1e6:.2f} us wall, "
        f"{size / entries:.1f} bytes each; "
        f"peak memory {_memory_mb():.0f} MB; {before:.0f} MB before the build"
    )


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
