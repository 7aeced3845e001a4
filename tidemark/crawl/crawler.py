"""What every crawler does."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Protocol

from tidemark.crawl.batch import Batch
from tidemark.exclusions import Exclusion

# What AWS Backup leaves in the root of a file system it restores to; never part of a backup.
# Source: AWS Backup developer guide, "Restore an Amazon EFS file system".
RESTORE_DIRECTORIES = tuple(
    map(Exclusion.parse, ("/aws-backup-restore_*", "/aws-backup-failed-restore_*", "/aws-backup-lost+found"))
)

ROOT = b"/"


class CrawlStopped(Exception):
    """`stop` was called: what has been handed over is not the whole file system."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CrawlProgress:
    """How far a crawl is."""

    entries: int = 0
    directories: int = 0  # listed to their end
    directories_queued: int = 0  # seen, not yet listed
    bytes: int = 0  # apparent sizes of regular files, each name of a hard link counted; 2^63 - 1 at most
    unreadable: int = 0
    vanished: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CrawlOptions:
    """How to crawl."""

    # Directories to leave out, with all below them: no rows, and never entered. Files and links of such a
    # name are never left out.
    exclude: Sequence[Exclusion] = RESTORE_DIRECTORIES
    threads: int = 1  # at most this many requests are in flight
    descriptors: int = 256  # at most about this many directories are open
    batch_rows: int = 16_384
    # Of metadata, by all threads together, after a burst of 0.05 seconds' worth: EFS bills and throttles.
    operations_per_second: int | None = None


class Crawl(Protocol):
    """One crawl of one mounted file system.

    It holds to these rules: names are bytes; every path is reached through the open directory above it, so
    depth has no limit and a symbolic link is never followed; it never leaves the root's file system (a mount
    point below it is a row, is not entered, and is a `Problem` with EXDEV); what vanishes or refuses is a
    `Problem`, and only a path whose name is gone has vanished; queues and open descriptors are bounded. The
    root itself is not a row.
    """

    def batches(self) -> Iterator[Batch]:
        """Crawl, and return every entry once (twice where a directory changes while it is listed).

        What is found comes within seconds, however slow the crawl is, in batches that may be small for it.
        Ends when all is listed, or soon after `pause`; then it may be called again, to go on.
        Raises CrawlFailed where the root cannot be opened or not be listed to its end, whatever the reason,
        or where all that is in it refuses; CrawlStopped after `stop`.
        """
        ...

    def pause(self) -> None:
        """Begin no further directory, so that `batches` ends. May be called from any thread."""
        ...

    def pending(self) -> Iterator[bytes]:
        """Return, while `batches` is not running, the directories that are yet to be listed: none at the end.

        A crawl that starts with them finds what this one would have found.
        """
        ...

    def progress(self) -> CrawlProgress:
        """Return how far the crawl is. May be called from any thread."""
        ...

    def left_out(self) -> Sequence[int]:
        """Return how many directories each of the options' `exclude` has matched so far."""
        ...

    def stop(self) -> None:
        """Make `batches` end soon. May be called from any thread, and from a signal handler."""
        ...
