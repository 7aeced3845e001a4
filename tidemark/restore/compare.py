"""Compares files that are in place with an index."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from errno import ELOOP, ENOENT, ENOTDIR
from typing import Literal

from tidemark.escape import escape
from tidemark.index.format.entry import Entry
from tidemark.restore.descriptors import Descent, names_in, names_of, status_of
from tidemark.restore.journal import joined
from tidemark.restore.outcomes import reason

Field = Literal[
    "missing", "extra", "unreadable", "type", "size", "mtime", "owner", "group", "mode", "target", "nlink"
]

_MISSING = {ELOOP, ENOENT, ENOTDIR}
_BACKED_UP = frozenset("fdl")  # AWS Backup omits sockets, FIFOs and devices
_OF_AWS_BACKUP = (b"aws-backup-restore_", b"aws-backup-failed-restore_", b"aws-backup-lost+found")
_LETTERS = {
    stat.S_IFREG: "f",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFIFO: "p",
    stat.S_IFSOCK: "s",
    stat.S_IFCHR: "c",
    stat.S_IFBLK: "b",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One difference between an index and a file system."""

    path: bytes  # in the file system, from its root
    field: Field
    expected: str  # in the index: types as letters, modes in octal, times in microseconds since 1970
    found: str  # in the file system; empty if it is missing, the cause if it is unreadable


def compare(
    root: bytes,
    entries: Iterable[Entry],
    *,
    target_of: Callable[[bytes], bytes | None],
    exact: bool,
    directory_mtime: Callable[[Entry], bool] | None = None,
) -> Iterator[Difference]:
    """Yield the differences between entries of an index and the files at their targets below `root`.

    `target_of` returns the target of a path, both from the root without a leading slash, or None for a path
    that is not compared. Targets are looked up name by name without following links, fastest for entries
    sorted by parent. Times are compared to the microsecond. Those of directories, which change with every
    entry that is added, are compared where `directory_mtime` is true, by default if `exact`. Sockets, FIFOs
    and devices are in no backup and are not expected.

    With `exact`, for a file system that was restored as a whole, the numbers of links are compared, too, and
    `extra` reports what is in the directories of the entries and is not an entry, directories without what is
    below them. The entries of one directory must then follow each other. AWS Backup's own directories in the
    root are ignored.

    Raises OSError if the root cannot be opened.
    """
    top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    position = Descent(top)
    try:
        if directory_mtime is None:
            directory_mtime = _always if exact else _never
        listing = _Listing(position) if exact else None
        for entry in entries:
            target = target_of(entry.raw_path[1:])
            if not target or entry.type not in _BACKED_UP:
                continue
            *above, name = names_of(target)
            if listing is not None:
                yield from listing.expect(b"/".join(above), name, is_directory=entry.type == "d")
            try:
                position.go_to(above)
                found = status_of(name, position.fd)
                link = os.readlink(name, dir_fd=position.fd) if _is_link(found) else b""
            except OSError as error:
                if error.errno in _MISSING:
                    yield Difference(target, "missing", entry.type, "")
                else:
                    yield Difference(target, "unreadable", entry.type, reason(error))
                continue
            if found is None:
                yield Difference(target, "missing", entry.type, "")
                continue
            compared = _fields(entry, found, link, exact, mtime=entry.type != "d" or directory_mtime(entry))
            for field, expected, actual in compared:
                if expected != actual:
                    yield Difference(target, field, expected, actual)
        if listing is not None:
            yield from listing.end()
    finally:
        position.close()
        os.close(top)


def _always(_: Entry) -> bool:
    return True


def _never(_: Entry) -> bool:
    return False


def _is_link(status: os.stat_result | None) -> bool:
    return status is not None and stat.S_ISLNK(status.st_mode)


def _fields(
    entry: Entry, found: os.stat_result, link: bytes, exact: bool, *, mtime: bool
) -> list[tuple[Field, str, str]]:
    """Return what is compared: field, expected, found. Entries of different types have no more in common."""
    letter = _LETTERS.get(stat.S_IFMT(found.st_mode), "?")
    if letter != entry.type:
        return [("type", entry.type, letter)]
    fields: list[tuple[Field, str, str]] = [
        ("owner", str(entry.uid), str(found.st_uid)),
        ("group", str(entry.gid), str(found.st_gid)),
    ]
    if mtime:
        fields.append(("mtime", str(entry.mtime_us), str(found.st_mtime_ns // 1000)))
    if letter == "f":
        fields.append(("size", str(entry.size), str(found.st_size)))
    if letter == "l":
        fields.append(("target", entry.target or "", escape(link)))
    else:
        fields.append(("mode", f"{entry.mode:04o}", f"{stat.S_IMODE(found.st_mode):04o}"))
    if exact and letter != "d":
        fields.append(("nlink", str(entry.nlink), str(found.st_nlink)))
    return fields


class _Listing:
    """Compares the names in directories with the expected ones."""

    def __init__(self, position: Descent) -> None:
        self._position = position
        self._parent: bytes | None = None
        self._expected: set[bytes] = set()
        self._not_listed: set[bytes] = set()  # expected directories, none of whose entries has been seen

    def expect(self, parent: bytes, name: bytes, *, is_directory: bool) -> Iterator[Difference]:
        """Note a name; yield what is extra in the previous directory if it is in another one."""
        if parent != self._parent:
            yield from self._extra()
            self._parent, self._expected = parent, set()
            self._not_listed.discard(parent)
        self._expected.add(name)
        if is_directory:
            self._not_listed.add(joined(parent, name))

    def end(self) -> Iterator[Difference]:
        """Yield what is extra in the last directory, and in those that are expected to be empty."""
        yield from self._extra()
        for parent in sorted(self._not_listed):
            yield from self._extra_in(parent, ())

    def _extra(self) -> Iterator[Difference]:
        if self._parent is not None:
            yield from self._extra_in(self._parent, self._expected)

    def _extra_in(self, parent: bytes, expected: Collection[bytes]) -> Iterator[Difference]:
        try:
            self._position.go_to(names_of(parent))
            names = list(names_in(self._position.fd))
        except OSError as error:
            if error.errno not in _MISSING:  # a directory that is missing is reported as an entry
                yield Difference(parent, "unreadable", "d", reason(error))
            return
        for name in names:
            if name not in expected and (parent or not name.startswith(_OF_AWS_BACKUP)):
                try:
                    found = status_of(name, self._position.fd)
                except OSError:
                    found = None
                letter = _LETTERS.get(stat.S_IFMT(found.st_mode), "?") if found is not None else "?"
                yield Difference(joined(parent, name), "extra", "", letter)
