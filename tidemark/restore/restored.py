"""Finds the directory that a restore job wrote.

AWS Backup names it `aws-backup-restore_<time>` and does not report the name. A directory belongs to a job if
its time is between those of the job and it contains something that the job was to restore. One session of a
file system restores at a time, so there is more than one only if another tool restores the same paths at the
same time.
Source: AWS Backup Developer Guide, "Restore an Amazon EFS file system"; DescribeRestoreJob.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from tidemark.errors import RestoreFailed
from tidemark.escape import escape
from tidemark.restore.descriptors import names_of

# AWS documents `datetime`; observed is 2019-11-04T21-52-45-187123456Z. Separators and fraction may differ.
_NAME = re.compile(rb"aws-backup-restore_(\d{4})\D?(\d\d)\D?(\d\d)\D?(\d\d)\D?(\d\d)\D?(\d\d)(?:\D(\d+))?\D*")
# The clocks of AWS Backup and EFS are not the same.
_TOLERANCE = timedelta(minutes=2)
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def find_restored(
    root: bytes,
    requests: Sequence[bytes],
    *,
    began_at: datetime,
    completed_at: datetime,
    taken: Collection[bytes],
) -> bytes:
    """Return the name of the directory that a job wrote into the file system mounted at `root`.

    `requests` are the job's items, from the root; none for a whole recovery point. `taken` are directories of
    other jobs. Raises RestoreFailed if there is no such directory, or several.
    """
    named = dict(_named(root))
    within = [name for name, (first, last) in named.items() if began_at <= last and first <= completed_at]
    near = [
        name
        for name, (first, last) in named.items()
        if began_at - _TOLERANCE <= last and first <= completed_at + _TOLERANCE
    ]
    for candidates in (within, near):
        found = [name for name in candidates if name not in taken and _contains(root, name, requests)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(escape(name) for name in sorted(found))
            raise RestoreFailed(
                f"several directories may be the result of the restore job: {names}; another tool has "
                f"restored the same paths at the same time; move what you need from them, remove them, and "
                f"restore again"
            )
    raise RestoreFailed(
        f"the root of the file system has no directory aws-backup-restore_* of "
        f"{began_at:%Y-%m-%d %H:%M:%S} to {completed_at:%H:%M:%S} UTC with the restored "
        f"items; it was moved or removed; restore again"
    )


def _named(root: bytes) -> Iterator[tuple[bytes, tuple[datetime, datetime]]]:
    """Return the names of restored directories, and the first and the last moment that each may stand for."""
    for name in os.listdir(root):  # noqa: PTH208 - bytes
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        year, month, day, hour, minute, second = (int(text) for text in match.groups()[:6])
        digits = match[7] or b""
        try:
            moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            continue
        first, last = (timedelta(microseconds=int(digits[:6].ljust(6, each))) for each in (b"0", b"9"))
        yield name, (moment + first, moment + last)


def _contains(root: bytes, name: bytes, requests: Sequence[bytes]) -> bool:
    try:
        top = os.open(os.path.join(root, name), _DIRECTORY)
    except OSError:
        return False  # a file or a link with such a name is the user's
    try:
        return not requests or any(_exists(top, names_of(request)) for request in requests)
    finally:
        os.close(top)


def _exists(top: int, names: Sequence[bytes]) -> bool:
    """Return whether a path below a directory exists, without following links."""
    directory = os.dup(top)
    try:
        for name in names[:-1]:
            below = os.open(name, _DIRECTORY, dir_fd=directory)
            os.close(directory)
            directory = below
        return not names or bool(os.stat(names[-1], dir_fd=directory, follow_symlinks=False))
    except OSError:
        return False
    finally:
        os.close(directory)
