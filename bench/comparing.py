"""Measures `diff` of two indexes of a synthetic file server, and the history of a path over many nights."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench.changed import ChangedCrawl, make
from bench.figures import Figure, at_most, plain
from bench.finding import TIDEMARK
from bench.measure import REMOTE, FarStore, apart, run
from bench.synthetic import SyntheticCrawl
from tidemark.index.build.pipeline import build_index
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.query.history import history
from tidemark.index.query.search import search
from tidemark.index.storage.catalog import identities, newest_index, newest_indexes
from tidemark.index.storage.object_store import FileStore

_NIGHTS = 90
_ENTRIES_A_NIGHT = 50_000  # more take longer to create, but hardly longer to look up a path in
_NIGHTLY = "fs-00000000000000ff"


def figures(directory: Path, entries: int) -> Iterator[Figure]:
    """Yield the costs of a cold `tidemark diff` and of the history of a path in a remote store."""
    pair, nights = directory / f"pair-{entries}", directory / f"nights-{_NIGHTS}"
    for repository, make_it in ((pair, _make_pair), (nights, _make_nights)):
        if not (repository / "whole").exists():
            shutil.rmtree(repository, ignore_errors=True)
            apart(make_it, repository, entries)
            (repository / "whole").touch()
    before, after = (index.index_id for index in newest_indexes(FileStore(pair)))
    cost = run([TIDEMARK, "diff", before, after, "--repository", pair.as_uri()])
    yield at_most(f"`tidemark diff` of {entries:,} entries, 1% changed", cost.wall, 2, " s")
    yield plain("its CPU", f"{cost.cpu:.1f} s")
    yield at_most("its memory", cost.memory / 1e3, 0.5, " GB")
    yield from _one_path(nights)


def _one_path(nights: Path) -> Iterator[Figure]:
    near = FileStore(nights)
    path = next(search(near, newest_index(near, _NIGHTLY), "minutes")).path
    there = FarStore(nights)
    started = time.monotonic()
    versions = history(there, list(identities(there, _NIGHTLY)), path)
    took = time.monotonic() - started
    what = f"history of a path over {_NIGHTS} indexes, {REMOTE}"
    yield plain(what, f"{took:.2f} s (number of versions: {len(versions)})")
    yield at_most(f"its GETs, in addition to {there.lists} listings", there.requests - there.lists, 10, "", 0)
    yield plain("its bytes", f"{there.bytes / 1e6:.2f} MB")


def _make_pair(repository: Path, entries: int) -> None:
    for _ in make(FileStore(repository), entries):
        pass


def _make_nights(repository: Path, _entries: int) -> None:
    """Index a synthetic tree night after night, with 1% of its files changed at random each time."""
    for night in range(_NIGHTS):
        made = datetime(2026, 8, 1, tzinfo=UTC) + timedelta(days=night)
        identity = IndexIdentity(
            account="local",
            region="local",
            file_system_id=_NIGHTLY,
            index_id=f"{_NIGHTLY}-{made:%Y%m%dT%H%M%SZ}-{night:06x}",
        )
        crawl = ChangedCrawl(SyntheticCrawl(_ENTRIES_A_NIGHT), seed=night)
        with tempfile.TemporaryDirectory() as scratch:
            build_index(
                crawl,
                FileStore(repository),
                identity,
                scratch=Path(scratch),
                now=partial(_itself, made),
                worker="bench",
            )


def _itself(moment: datetime) -> datetime:
    return moment
