"""Indexes of made-up rows, for tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.crawl.trees import Row
from tidemark.crawl.batch import Batch, Problem
from tidemark.crawl.crawler import CrawlProgress
from tidemark.crawl.rows import Rows
from tidemark.index.build.checkpoint import Checkpoint
from tidemark.index.build.index_writer import BuildOptions
from tidemark.index.build.pipeline import build_index
from tidemark.index.format.manifest import IndexIdentity, Manifest
from tidemark.index.format.schema import NO_FLAGS, Flags
from tidemark.index.storage.object_store import Store

FILE_SYSTEM = "fs-0123456789abcdef0"
FORMATS = {
    "f": 0o100000,
    "d": 0o040000,
    "l": 0o120000,
    "p": 0o010000,
    "s": 0o140000,
    "c": 0o020000,
    "b": 0o060000,
}


class RowsCrawl:
    """A crawl that hands out given rows, in batches of a size."""

    def __init__(
        self,
        rows: Sequence[Row],
        problems: Sequence[Problem] = (),
        batch_rows: int = 1000,
        ns_of: Callable[[bytes], tuple[int, int]] = lambda _path: (0, 0),
    ) -> None:
        self._rows, self._problems, self._batch_rows = rows, problems, batch_rows
        self._ns_of = ns_of  # the nanoseconds of mtime and ctime beyond microseconds

    def batches(self) -> Iterator[Batch]:
        rows = Rows()
        for problem in self._problems:
            rows.add_problem(problem)
        for row in self._rows:
            parent, _, name = row.path.rpartition(b"/")
            ns = self._ns_of(row.path)
            status = os.stat_result(
                (FORMATS[row.type] | row.mode, row.inode, 0, row.nlink, row.uid, row.gid, row.size, 0, 0, 0),
                {"st_mtime_ns": row.mtime_us * 1000 + ns[0], "st_ctime_ns": row.ctime_us * 1000 + ns[1]},
            )
            number = rows.add_directory(parent + b"/", [name.decode("utf-8", "surrogateescape")], [status])
            if row.type == "l":
                rows.set_target(number, row.target)
            if len(rows) >= self._batch_rows:
                yield rows.take()
        if not rows.empty:
            yield rows.take()

    def progress(self) -> CrawlProgress:
        return CrawlProgress(entries=len(self._rows))

    def pause(self) -> None:
        pass

    def pending(self) -> Iterator[bytes]:
        return iter(())

    def left_out(self) -> Sequence[int]:
        return ()

    def stop(self) -> None:
        pass


def row(path: str | bytes, **fields: object) -> Row:
    """Return the row of a small file; `fields` replace its defaults."""
    raw = path.encode() if isinstance(path, str) else path
    usual = {
        "type": "f",
        "mode": 0o644,
        "nlink": 1,
        "uid": 1000,
        "gid": 1000,
        "size": 10,
        "inode": 7,
        "mtime_us": 1_700_000_000_000_000,
        "ctime_us": 1_700_000_000_000_000,
        "target": b"",
    }
    return Row(path=raw, **{**usual, **fields})


def directory(path: str | bytes, **fields: object) -> Row:
    return row(path, **{"type": "d", "mode": 0o755, "nlink": 2, "size": 4096, **fields})


def index_rows(
    store: Store,
    scratch: Path,
    rows: Sequence[Row],
    *,
    number: int = 1,
    batch_rows: int = 1000,
    **options: Any,
) -> Manifest:
    """Build an index of rows; `number` distinguishes and orders the indexes of a file system."""
    return index_crawl(store, scratch, RowsCrawl(rows, batch_rows=batch_rows), number=number, **options)


def identity_of(number: int) -> IndexIdentity:
    """Return one of many identities, ordered by number."""
    moment = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=number)
    return IndexIdentity(
        account="123456789012",
        region="eu-central-1",
        file_system_id=FILE_SYSTEM,
        index_id=f"{FILE_SYSTEM}-{moment:%Y%m%dT%H%M%SZ}-{number:06x}",
    )


def index_crawl(
    store: Store,
    scratch: Path,
    crawl: object,
    *,
    number: int = 1,
    may_continue: Callable[[], None] = lambda: None,
    pause_wanted: Callable[[], bool] = lambda: False,
    resume: Checkpoint | None = None,
    flags: Flags = NO_FLAGS,
    **options: float,
) -> Manifest:
    """Build an index of a crawl."""
    moment = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=number)
    identity = identity_of(number)
    return build_index(
        crawl,
        store,
        identity,
        scratch=scratch,
        now=lambda: moment,
        worker="test",
        may_continue=may_continue,
        pause_wanted=pause_wanted,
        resume=resume,
        flags=flags,
        options=BuildOptions(**options),
    )
