"""The restored directory and Tidemark's own directory in it.

Its name contains the inode of the restored directory, which no file of a backup can predict, so that no name
of a user is taken. It holds the journal and a staging directory, and is removed last.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator

from tidemark.errors import ConfigurationError, PathNotFound, WorkerCannotRun
from tidemark.restore.descriptors import DIRECTORY, names_in, names_of
from tidemark.restore.journal import Journal

_JOURNAL, _STAGING = b"journal", b"staging"


@dataclasses.dataclass(frozen=True, slots=True)
class Workspace:
    """Open descriptors of one restore; the journal is locked."""

    root: int
    restored: int
    status: os.stat_result  # of the restored directory
    control: bytes  # the name of Tidemark's own directory in the restored directory
    control_fd: int
    staging: int
    journal: Journal

    def clear_staging(self) -> None:
        """Remove empty directories and placeholders that an interrupted attempt left."""
        for name in names_in(self.staging):
            try:
                os.unlink(name, dir_fd=self.staging)
            except IsADirectoryError:
                os.rmdir(name, dir_fd=self.staging)


@contextlib.contextmanager
def open_workspace(root: bytes, restored: bytes) -> Iterator[Workspace]:
    """Open a restored directory, a name in the root, and lock it.

    Raises ConfigurationError for a path with several names, PathNotFound if no such directory exists,
    WorkerStopped if another worker has it locked, and OSError.
    """
    if len(names_of(restored)) != 1:
        raise ConfigurationError(
            f"{restored!r} is not a name in the root; pass the name of a restored directory"
        )
    with contextlib.ExitStack() as stack:
        root_fd = _opened(stack, root, None, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            restored_fd = _opened(stack, restored, root_fd)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise PathNotFound(
                f"{os.fsdecode(root)} contains no directory named {restored!r}; it was removed or renamed "
                f"after the restore job, so start the restore again"
            ) from error
        status = os.fstat(restored_fd)
        control = b".tidemark-%x" % status.st_ino
        control_fd = _own_directory(stack, control, restored_fd)
        journal = Journal(_open_journal(control_fd))
        stack.callback(journal.close)
        staging = _own_directory(stack, _STAGING, control_fd)
        yield Workspace(root_fd, restored_fd, status, control, control_fd, staging, journal)


def remove_workspace(root: bytes, restored: bytes) -> bool:
    """Remove a restored directory that holds nothing but Tidemark's own; return whether it is gone.

    The journal must be closed, because NFS keeps the name of an open file under another name. Raises OSError.
    """
    with contextlib.ExitStack() as stack:
        root_fd = _opened(stack, root, None, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        restored_fd = _opened(stack, restored, root_fd)
        control = b".tidemark-%x" % os.fstat(restored_fd).st_ino
        if list(names_in(restored_fd)) == [control]:
            control_fd = _opened(stack, control, restored_fd)
            for name, remove in ((_STAGING, os.rmdir), (_JOURNAL, os.unlink)):
                with contextlib.suppress(FileNotFoundError):
                    remove(name, dir_fd=control_fd)
            os.rmdir(control, dir_fd=restored_fd)
        try:
            os.rmdir(restored, dir_fd=root_fd)
        except OSError:
            if list(names_in(restored_fd)):
                return False  # something was added meanwhile
            raise
    return True


def _opened(stack: contextlib.ExitStack, name: bytes, directory: int | None, flags: int = DIRECTORY) -> int:
    fd = os.open(name, flags, dir_fd=directory)
    stack.callback(os.close, fd)
    return fd


def _own_directory(stack: contextlib.ExitStack, name: bytes, directory: int) -> int:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=directory)
    fd = _opened(stack, name, directory)
    status = os.fstat(fd)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise WorkerCannotRun(
            f"the directory {os.fsdecode(name)} in the restored directory belongs to another user; rename it "
            f"and retry"
        )
    return fd


def _open_journal(control: int) -> int:
    return os.open(_JOURNAL, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=control)
