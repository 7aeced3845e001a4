"""Removes what `place` left in the restored directory, and the directory itself."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Callable, Collection, Iterator
from errno import EEXIST, ENOENT, ENOTEMPTY

from tidemark.errors import PathNotFound
from tidemark.escape import escape
from tidemark.restore.descriptors import Descent, names_in, names_of, status_of
from tidemark.restore.journal import joined
from tidemark.restore.outcomes import reason
from tidemark.restore.workspace import Workspace, open_workspace, remove_workspace

_MOST_PROBLEMS = 20
_NOT_EMPTY = {EEXIST, ENOTEMPTY}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What `finish` did."""

    gone: bool  # the restored directory no longer exists
    removed: int  # entries that were not asked for
    kept: int  # items of which something is still in the restored directory
    problems: tuple[str, ...]  # entries that could not be removed, and why; the first 20


def finish(
    root: bytes, restored: bytes, items: Collection[bytes], *, may_continue: Callable[[], None]
) -> Finished:
    """Remove what is in the restored directory (a name in `root`) but was not asked for, then the directory.

    `items` are those that `place` was given. An item of which something remains is kept, with its directories
    and the journal: `place` can then be called again, also with another policy for conflicts. Never removes
    anything outside the restored directory, and enters neither symbolic links nor other file systems. A
    restored directory that does not exist is finished. An interruption leaves a directory that another call
    finishes.

    Raises ConfigurationError, WorkerStopped and WorkerCannotRun as `place` does, and OSError.
    """
    wanted = frozenset(b"/".join(names_of(item)) for item in items)
    try:
        with open_workspace(root, restored) as workspace:
            removal = _Removal(workspace, wanted, may_continue)
            try:
                removal.run()
            finally:
                removal.close()
    except PathNotFound:
        return Finished(gone=True, removed=0, kept=0, problems=())
    gone = not removal.kept and not removal.problems and remove_workspace(root, restored)
    return Finished(gone=gone, removed=removal.removed, kept=removal.kept, problems=tuple(removal.problems))


@dataclasses.dataclass(slots=True)
class _Directory:
    path: bytes
    names: Iterator[bytes]


class _Removal:
    def __init__(
        self, workspace: Workspace, wanted: frozenset[bytes], may_continue: Callable[[], None]
    ) -> None:
        self._control = workspace.control
        self._wanted = wanted
        self._may_continue = may_continue
        self._position = Descent(workspace.restored)
        self.removed = 0
        self.kept = 0
        self.problems: list[str] = []

    def close(self) -> None:
        self._position.close()

    def run(self) -> None:
        names = (name for name in names_in(self._position.fd) if name != self._control)
        stack = [_Directory(b"", names)]
        while stack:
            directory = stack[-1]
            name = next(directory.names, None)
            if name is not None:
                below = self._remove(joined(directory.path, name), name)
                if below is not None:
                    stack.append(below)
                continue
            stack.pop()
            if stack:
                self._leave(directory.path)

    def _remove(self, path: bytes, name: bytes) -> _Directory | None:
        """Remove an entry; return it instead if it is a directory, after entering it."""
        if path in self._wanted or b"" in self._wanted:
            self.kept += 1
            return None
        self._may_continue()
        try:
            status = status_of(name, self._position.fd)
            if status is None:
                return None
            if stat.S_ISDIR(status.st_mode):
                return self._entered(path, name)
            os.unlink(name, dir_fd=self._position.fd)
            self.removed += 1
        except OSError as error:
            self._problem(path, error)
        return None

    def _entered(self, path: bytes, name: bytes) -> _Directory:
        self._position.enter(name)
        try:
            return _Directory(path, names_in(self._position.fd))
        except OSError:
            self._position.leave()
            raise

    def _leave(self, path: bytes) -> None:
        self._position.leave()
        try:
            os.rmdir(path.rpartition(b"/")[2], dir_fd=self._position.fd)
            self.removed += 1
        except OSError as error:
            # Not empty: it is above an item that is kept, or something in it was reported.
            if error.errno not in {*_NOT_EMPTY, ENOENT}:
                self._problem(path, error)

    def _problem(self, path: bytes, error: OSError) -> None:
        if error.errno != ENOENT and len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(f"{escape(b'/' + path)}: {reason(error)}")
