"""Scratch directories that are removed even if their process is killed.

A process holds a lock (flock) on its directory while it runs; the kernel releases it even after `kill -9`.
Creating a directory also removes those of the same user whose lock is free. On a network file system other
machines do not see the lock, so the directory's name contains the machine and its boot id.
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
    """Return the name prefix of scratch directories of this machine since its last boot."""
    try:
        machine = boot_id.read_text()[:8]
    except OSError:  # not Linux
        machine = platform.node()
    return f"tidemark-scratch-{machine}-"


PREFIX = _prefix()  # directories with this prefix and without a lock are removed


@contextmanager
def scratch_directory(below: Path | None = None) -> Iterator[Path]:
    """Yield an empty directory that exists until the block ends, by default in the temporary directory."""
    parent = Path(below or tempfile.gettempdir())
    _remove_abandoned(parent)
    directory, held = _made(parent)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(held)


def _made(parent: Path) -> tuple[Path, int]:
    """Create a directory and return it with the descriptor that holds its lock."""
    while True:
        directory = Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX))
        # Until it is locked it looks abandoned, so another process may remove it.
        with contextlib.suppress(FileNotFoundError):
            descriptor = _open(directory)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            except OSError:
                return (
                    directory,
                    descriptor,
                )  # no locks on this file system, so no process can lock it and remove it
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
    """Return a descriptor of a directory; raise OSError for a symbolic link or any other file type."""
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
