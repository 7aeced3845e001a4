"""The actions that put one restored entry in its place, each of which an interruption leaves recoverable.

NFS has neither RENAME_NOREPLACE nor O_TMPFILE. link(2) is the operation that creates a name for an existing
file and never replaces one, and rename(2) the one that replaces a file without a moment in which neither
exists. Where link(2) is refused, because a file has as many links as the server allows (177 on EFS) or
because it does not link symbolic links, an empty placeholder is linked to the target, and the entry is
renamed over the placeholder.

    action    of             operations                                     state between them
    LINK      no directory   link, then unlink the source                   two names, one inode
    RESERVE   no directory   link a placeholder, then rename over it        the placeholder, an empty file
    REPLACE   no directory   rename, replacing a file or link
    MOVE      a directory    rename, after checking that the target is free
    MERGE     a directory    move its entries, then remove it               two directories
    REMOVE    no directory   unlink the source

Between the check and the rename of MOVE, another process can create the target. rename(2) then fails, except
over an empty directory, which it replaces.
"""

from __future__ import annotations

import contextlib
import os
import stat
from errno import EEXIST, EISDIR, EMLINK, ENOSYS, ENOTDIR, ENOTEMPTY, ENOTSUP, EOPNOTSUPP, EPERM

from tidemark.escape import is_utf8
from tidemark.restore.descriptors import status_of

LINK, RESERVE, REPLACE, MOVE, MERGE, REMOVE = "link", "reserve", "replace", "move", "merge", "remove"

CONCURRENT = frozenset({LINK, REPLACE, REMOVE})  # safe at the same time as those of other entries
_OTHER_TYPE_OR_NOT_EMPTY = {EEXIST, EISDIR, ENOTDIR, ENOTEMPTY}
_LINK_REFUSED = {EMLINK, ENOSYS, ENOTSUP, EOPNOTSUPP, EPERM}
_NAME_BYTES = 255


class TargetChanged(Exception):
    """The target is no longer in the state for which the action was chosen; nothing was done."""


class LinkRefused(Exception):
    """The server does not link this entry; nothing was done."""


class Entry:
    """A name in an open directory of the restored tree, and a name in another open directory for it."""

    __slots__ = ("name", "source", "target", "target_name")

    def __init__(self, source: int, name: bytes, target: int, target_name: bytes) -> None:
        """Take the two directories' descriptors, which remain the caller's."""
        self.source, self.name = source, name
        self.target, self.target_name = target, target_name

    def link(self) -> None:
        """Place it where no name exists. Raises TargetChanged, LinkRefused and OSError."""
        try:
            os.link(
                self.name,
                self.target_name,
                src_dir_fd=self.source,
                dst_dir_fd=self.target,
                follow_symlinks=False,
            )
        except FileExistsError as error:
            raise TargetChanged from error
        except OSError as error:
            if error.errno in _LINK_REFUSED:
                raise LinkRefused from error
            raise
        self._unlink_source()

    def reserve(self, placeholder: bytes, staging: int) -> None:
        """Place it where no name exists, with an empty file of the staging directory.

        Raises TargetChanged and OSError.
        """
        try:
            os.link(placeholder, self.target_name, src_dir_fd=staging, dst_dir_fd=self.target)
        except FileExistsError as error:
            raise TargetChanged from error
        self.rename()

    def rename(self) -> None:
        """Rename it. Raises OSError."""
        os.rename(self.name, self.target_name, src_dir_fd=self.source, dst_dir_fd=self.target)

    def replace(self) -> None:
        """Place it over a file or link, or where nothing is. Raises TargetChanged and OSError."""
        try:
            self.rename()
        except OSError as error:
            if error.errno in _OTHER_TYPE_OR_NOT_EMPTY:
                raise TargetChanged from error
            raise

    def move(self) -> None:
        """Place a directory where no name exists. Raises TargetChanged and OSError."""
        if status_of(self.target_name, self.target) is not None:
            raise TargetChanged
        self.replace()

    def remove(self, *, linked: bool) -> None:
        """Unlink the source if the target exists; if `linked`, only if it is the same file.

        Raises TargetChanged and OSError.
        """
        target = status_of(self.target_name, self.target)
        if target is None or stat.S_ISDIR(target.st_mode):
            raise TargetChanged
        source = status_of(self.name, self.source)
        if linked and source is not None and not os.path.samestat(source, target):
            raise TargetChanged
        self._unlink_source()

    def attempt(self, action: str, *, linked: bool) -> None:
        """Carry out LINK, REPLACE, MOVE or REMOVE; see `remove` for `linked`.

        Raises TargetChanged, LinkRefused and OSError.
        """
        if action == LINK:
            self.link()
        elif action == REPLACE:
            self.replace()
        elif action == MOVE:
            self.move()
        elif action == REMOVE:
            self.remove(linked=linked)

    def recover(self, action: str, placeholder: int | None) -> bool:
        """Complete an action that may have been interrupted; return whether it is complete. Raises OSError.

        False means that nothing of it was done, or that its target is no longer what it made.
        """
        source = status_of(self.name, self.source)
        if source is None:
            return True
        target = status_of(self.target_name, self.target)
        if target is not None and action == LINK and os.path.samestat(source, target):
            self._unlink_source()
            return True
        if target is not None and action == RESERVE and target.st_ino == placeholder:
            self.rename()
            return True
        return False

    def _unlink_source(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.name, dir_fd=self.source)


def name_with_suffix(name: bytes, suffix: bytes, number: int) -> bytes:
    """Return the name with a suffix, from the second attempt on with a number, too: `a.txt.restored-2`.

    A long name is shortened before the suffix, between characters if it is UTF-8, to 255 bytes in all.
    """
    end = suffix if number == 1 else b"%s-%d" % (suffix, number)
    kept = name[: _NAME_BYTES - len(end)]
    if kept != name and is_utf8(name):
        kept = kept.decode("utf-8", "ignore").encode()
    return kept + end
