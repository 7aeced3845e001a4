"""The interface of all crawlers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Protocol

from tidemark.crawl.batch import Batch
from tidemark.exclusions import Exclusion

# Directories that AWS Backup creates in the root when it restores to a file system; never part of a backup.
# Source: AWS Backup developer guide, "Restore an Amazon EFS file system".
RESTORE_DIRECTORIES = tuple(
    map(Exclusion.parse, ("/aws-backup-restore_*", "/aws-backup-failed-restore_*", "/aws-backup-lost+found"))
)

ROOT = b"/"


class CrawlStopped(Exception):
    """`stop` was called, so the returned batches do not cover the whole file system."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CrawlProgress:
    """The progress of a crawl."""

    entries: int = 0
    directories: int = 0  # listed completely
    directories_queued: int = 0  # seen, not yet listed
    bytes: int = 0  # apparent sizes of regular files, counting each name of a hard link; at most 2^63 - 1
    unreadable: int = 0
    vanished: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CrawlOptions:
    """Options of a crawl."""

    # Directories to exclude, with everything below them: no rows, and never entered. Files and links with
    # such a name are not excluded.
    exclude: Sequence[Exclusion] = RESTORE_DIRECTORIES
    threads: int = 1  # maximum number of concurrent requests
    descriptors: int = 256  # approximate maximum number of open directories
    batch_rows: int = 16_384
    # Metadata operations of all threads together, after a burst of 0.05 seconds' worth. EFS bills and
    # throttles them.
    operations_per_second: int | None = None


class Crawl(Protocol):
    """One crawl of one mounted file system.

    Rules: names are bytes. Every path is opened relative to its open parent directory, so depth is unlimited
    and symbolic links are never followed. The crawl stays on the root's file system: a mount point below it
    is a row and an EXDEV `Problem`, and is not entered. Paths that vanish or cannot be read are `Problem`s;
    a path has vanished only if its name is gone. Queues and open descriptors are bounded. The root itself is
    not a row.
    """

    def batches(self) -> Iterator[Batch]:
        """Crawl, and yield every entry once (twice if a directory changes while it is listed).

        Entries are returned within seconds, even during a slow crawl, which makes for smaller batches. Ends
        when everything is listed, or soon after `pause`; call it again to continue. Raises CrawlFailed if the
        root cannot be opened or listed completely, or if no entry in it can be read; CrawlStopped after
        `stop`.
        """
        ...

    def pause(self) -> None:
        """Start no further directories, so that `batches` ends. May be called from any thread."""
        ...

    def pending(self) -> Iterator[bytes]:
        """Return the directories that are not listed yet; none at the end. Not while `batches` runs.

        A crawl that starts with them returns the entries that this one would have returned.
        """
        ...

    def progress(self) -> CrawlProgress:
        """Return the progress of the crawl. May be called from any thread."""
        ...

    def left_out(self) -> Sequence[int]:
        """Return the number of directories that each pattern in `exclude` has matched so far."""
        ...

    def stop(self) -> None:
        """Make `batches` end soon. May be called from any thread, and from a signal handler."""
        ...
