"""Crawling a file system into an index: batches in, sorted parts and a manifest out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tidemark.crawl.crawler import Crawl
from tidemark.errors import IndexingFailed, IndexNotFound
from tidemark.index.catalogue import newest_index
from tidemark.index.columns import columns, directories
from tidemark.index.manifest import IndexIdentity, Manifest
from tidemark.index.parts import PartWriter
from tidemark.index.schema import PART_ROWS, PART_SCHEMA, ROW_GROUP_ROWS, schema_sha256
from tidemark.index.sort import RUN_ROWS, Sorter
from tidemark.index.store import ObjectExists, Store
from tidemark.index.totals import Counter


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Sizes, which only tests change."""

    run_rows: int = RUN_ROWS
    part_rows: int = PART_ROWS
    row_group_rows: int = ROW_GROUP_ROWS


def build_index(
    crawl: Crawl,
    store: Store,
    identity: IndexIdentity,
    *,
    scratch: Path,
    now: Callable[[], datetime],
    worker: str,
    may_continue: Callable[[], None] = lambda: None,
    may_complete: Callable[[], None] = lambda: None,
    options: BuildOptions = BuildOptions(),
) -> Manifest:
    """Crawl, sort, write every part, then the manifest; return it.

    `now` is the clock, in UTC. `scratch` is a directory for sorted runs: about 60 bytes for each entry of a
    tree of more than half a million. `may_continue` is asked every second or so and `may_complete` before the
    manifest comes into being; they say no by raising. Memory does not grow with the number of entries.

    Raises CrawlFailed, CrawlStopped, IndexingFailed where the index exists already, what the store raises.
    """
    started_at = now()
    counter = Counter()
    sorter = Sorter(scratch, run_rows=options.run_rows)
    try:
        for batch in crawl.batches():
            may_continue()
            rows = columns(batch)
            counter.add(rows, batch.problems)
            if batch.rows:
                sorter.add(rows, directories(batch))
        ended_at = now()
        writer = PartWriter(
            store, identity.prefix, part_rows=options.part_rows, row_group_rows=options.row_group_rows
        )
        for table in sorter.sorted():
            may_continue()
            writer.write(table)
        parts = writer.close()
    finally:
        sorter.close()
    manifest = Manifest(
        identity=identity,
        crawl_started_at=started_at,
        crawl_ended_at=ended_at,
        worker=worker,
        previous_index_id=_previous(store, identity),
        schema_sha256=schema_sha256(PART_SCHEMA),
        totals=counter.totals(),
        parts=tuple(parts),
    )
    may_complete()
    try:
        store.put(manifest.key, manifest.to_json(), only_if_absent=True)
    except ObjectExists as error:
        raise IndexingFailed(
            f"index {identity.index_id} exists already in {store.url}; start another session for a new one"
        ) from error
    return manifest


def _previous(store: Store, identity: IndexIdentity) -> str | None:
    try:
        return newest_index(store, identity.file_system_id).index_id
    except IndexNotFound:
        return None
