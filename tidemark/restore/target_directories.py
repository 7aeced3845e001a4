"""The directories that items belong in, created where they are missing."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from errno import ELOOP, ENOENT, ENOTDIR

from tidemark.escape import escape
from tidemark.restore.descriptors import DIRECTORY, Attributes, Descent, names_of
from tidemark.restore.journal import Created, Journal
from tidemark.restore.moves import Entry, TargetChanged
from tidemark.restore.outcomes import KEEPS_CHANGING, Stays, failed, reason

NO_DIRECTORY = frozenset({ELOOP, ENOTDIR})
_MODE = 0o755  # of directories above the restored hierarchy
_MOST_TRIES = 10


class TargetDirectories:
    """Enters directories below the root with one descent."""

    def __init__(
        self, descent: Descent, destination: Sequence[bytes], journal: Journal, staging: int
    ) -> None:
        """Create directories in the open staging directory first, below `destination` as restored."""
        self._descent = descent
        self._destination = tuple(destination)
        self._journal = journal
        self._staging = staging
        self._names = itertools.count()
        self._created: dict[bytes, Created] = {}

    def created_before(self, created: Mapping[bytes, Created]) -> None:
        """Take over the directories that earlier attempts created or were about to create."""
        self._created.update(created)

    def go_to(self, above: Sequence[bytes], source: Descent) -> None:
        """Enter the target of a restored directory, at which `source` is.

        Directories that are missing get the attributes of their counterparts on the way to `source`. Raises
        Stays, and OSError if the file system is read-only.
        """
        names = (*self._destination, *above)
        for _ in range(len(names) + _MOST_TRIES):
            try:
                self._descent.go_to(names)
                return
            except OSError as error:
                path = names[: self._descent.depth + 1]
                where = escape(b"/" + b"/".join(path))
                if error.errno in NO_DIRECTORY:
                    raise Stays("conflict", f"{where} is not a directory") from error
                if error.errno != ENOENT:
                    raise Stays("failed", f"{where}: {failed(error).reason}") from error
            level = len(path) - len(self._destination)
            try:
                self._create(path, Attributes.of(source.status(level)) if level > 0 else None)
            except FileNotFoundError:
                self._descent.go_to(())  # an open directory was removed: look all of them up again
            except OSError as error:
                raise Stays("failed", f"{where}: {failed(error).reason}") from error
        raise Stays("failed", KEEPS_CHANGING)

    def _create(self, path: Sequence[bytes], attributes: Attributes | None) -> None:
        """Create a directory in the current one, unless its name is taken meanwhile."""
        staged = b"%d" % next(self._names)
        os.mkdir(staged, 0o700, dir_fd=self._staging)
        fd = os.open(staged, DIRECTORY, dir_fd=self._staging)
        try:
            if attributes is None:
                os.fchmod(fd, _MODE)
            else:
                attributes.apply(fd)
                target, inode = b"/".join(path), os.fstat(fd).st_ino
                created = Created(target, inode, attributes.atime_ns, attributes.mtime_ns)
                self._journal.created(created)
                self._created[target] = created
        finally:
            os.close(fd)
        try:
            Entry(self._staging, staged, self._descent.fd, path[-1]).move()
        except TargetChanged:
            self._created.pop(b"/".join(path), None)
            os.rmdir(staged, dir_fd=self._staging)

    def restore_times(self) -> dict[bytes, str]:
        """Set the times of the directories that were created, which placing entries in them changed.

        Returns the targets for which this failed, and why. Directories that were removed or exchanged since
        are left alone.
        """
        failures = {}
        for created in sorted(self._created.values(), key=lambda created: names_of(created.target)):
            try:
                self._descent.go_to(names_of(created.target))
                fd = self._descent.fd
                if os.fstat(fd).st_ino == created.inode:
                    os.utime(fd, ns=(created.atime_ns, created.mtime_ns))
            except OSError as error:
                if error.errno not in {*NO_DIRECTORY, ENOENT}:
                    failures[created.target] = f"its times were not set: {reason(error)}"
        return failures
