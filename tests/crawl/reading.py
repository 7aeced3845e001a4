"""The content of batches, as rows that can be compared."""

from __future__ import annotations

from array import array
from itertools import pairwise

from tests.crawl.trees import Row
from tidemark.crawl.batch import BytesColumn

TYPES = {0x8: "f", 0x4: "d", 0xA: "l", 0x1: "p", 0xC: "s", 0x2: "c", 0x6: "b"}


def strings(column: BytesColumn) -> list[bytes]:
    offsets = numbers(column.offsets, "i")
    data = bytes(column.data)
    return [data[start:end] for start, end in pairwise(offsets)]


def numbers(buffer, code: str) -> list[int]:
    return array(code, bytes(buffer)).tolist()


def rows_of(crawl, pause_after: int | None = None) -> tuple[list[Row], list]:
    rows, problems = [], []
    for batch in crawl.batches():
        directories = strings(batch.directories)
        modes = numbers(batch.mode, "i")
        rows += [
            Row(directories[directory] + name, TYPES[mode >> 12], mode & 0o7777, *rest)
            for directory, name, mode, *rest in zip(
                numbers(batch.directory, "i"),
                strings(batch.names),
                modes,
                numbers(batch.nlink, "i"),
                numbers(batch.uid, "q"),
                numbers(batch.gid, "q"),
                numbers(batch.size, "q"),
                numbers(batch.inode, "q"),
                numbers(batch.mtime_us, "q"),
                numbers(batch.ctime_us, "q"),
                strings(batch.targets),
                strict=True,
            )
        ]
        problems += batch.problems
        if pause_after is not None and len(rows) >= pause_after:
            crawl.pause()
    return sorted(rows), problems
