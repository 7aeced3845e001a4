"""Scratch directories that outlive nobody for long, however their process ends.

A process holds a lock (flock) on its directory as long as it lives; `kill -9` gives it back. Whoever makes
the next directory removes those of its own user whose lock is free. On a network file system other machines
do not see the lock, so that a directory's name says which machine, and which start of it, it belongs to.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _prefix(boot_id: Path = Path("/proc/sys/kernel/random/boot_id")) -> str:
    """Return how scratch directories of this machine, since it started, begin; nothing else may."""
    try:
        machine = boot_id.read_text()[:8]
    except OSError:  # not Linux
        machine = platform.node()
    return f"tidemark-scratch-{machine}-"


PREFIX = _prefix()  # what begins so and has no lock is removed


@contextmanager
def scratch_directory(below: Path | None = None) -> Iterator[Path]:
    """Return an empty directory, until the block ends; by default where temporary files are."""
    parent = Path(below or tempfile.gettempdir())
    _remove_abandoned(parent)
    directory, held = _made(parent)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(held)


def _made(parent: Path) -> tuple[Path, int]:
    """Return a new directory and the descriptor that holds its lock."""
    while True:
        directory = Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX))
        # Until it is locked it looks abandoned, so that another process may be removing it.
        with contextlib.suppress(FileNotFoundError):
            descriptor = _open(directory)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            except OSError:
                return directory, descriptor  # no locks on this file system: nobody will take it for free
            if directory.is_dir():
                return directory, descriptor
            os.close(descriptor)


def _remove_abandoned(parent: Path) -> None:
    """Remove this user's scratch directories that no process holds; leave what cannot be removed."""
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with contextlib.suppress(OSError):
                    _remove_if_free(Path(entry.path))


def _remove_if_free(directory: Path) -> None:
    descriptor = _open(directory)
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
    finally:
        os.close(descriptor)


def _open(directory: Path) -> int:
    """Return a descriptor of a directory; raise OSError for a symbolic link, or anything else."""
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
