"""The items of a restore job: the value of `ItemsToRestore`, and how many paths fit into a job.

Source: AWS Backup developer guide, "Restore an Amazon EFS file system": paths from the root, no wildcards,
200 KB of metadata. The documented numbers of items differ (5, 10 in the console, no limit), so the number is
an argument.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from tidemark.escape import unescape

METADATA_BYTES = 190_000  # for the paths of a job; AWS allows 200 KB, of which other keys need some hundred
MOST_JOBS = 20  # for one recovery point, by default


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """The limits of restore jobs."""

    most_items: int  # paths of one job
    most_jobs: int = MOST_JOBS
    most_bytes: int = METADATA_BYTES


def item_of(path: str) -> str:
    """Return a path as AWS Backup's item: the name itself. It must be requestable, which includes UTF-8."""
    return unescape(path).decode()


def items_to_restore(paths: Sequence[str]) -> str:
    """Return the value of `ItemsToRestore`: a JSON array of paths. They must be requestable."""
    return json.dumps([item_of(path) for path in paths], ensure_ascii=False, separators=(",", ":"))


def batches(paths: Sequence[str], limits: Limits) -> list[tuple[str, ...]]:
    """Divide requests into jobs, in order. No paths are the whole point: one job without items.

    The paths must be requestable.
    """
    if not paths:
        return [()]
    jobs: list[list[str]] = []
    size = 0
    for path in paths:
        more = metadata_bytes(path)
        if not jobs or len(jobs[-1]) == limits.most_items or size + more > limits.most_bytes:
            jobs.append([])
            size = len("[]")
        jobs[-1].append(path)
        size += more
    return [tuple(job) for job in jobs]


def metadata_bytes(path: str) -> int:
    """Return the bytes of a path and its comma in a request to AWS: text in JSON, which is text in JSON."""
    text = json.dumps(item_of(path), ensure_ascii=False)
    return len(json.dumps(text)) - 2 + len(",")
