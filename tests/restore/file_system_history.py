"""A simulated file system whose whole history is known: the truth about what changed, and when.

Times advance with every operation. Rules of ctime are those of POSIX: an operation sets it on each inode that
it changes, and creating, renaming or removing a name changes the directory that contains the name.
"""

from __future__ import annotations

import copy
import dataclasses
import random
from datetime import UTC, datetime, timedelta

from tidemark.index.format.entry import Entry

EPOCH = datetime(2026, 11, 1, tzinfo=UTC)
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
TOP = "/top"  # all operations are below it, because no index contains the times of the root


def moment(tick: int) -> datetime:
    """Return the time of a tick."""
    return EPOCH + timedelta(seconds=tick)


def microseconds(tick: int) -> int:
    """Return a tick as an index contains it."""
    return (moment(tick) - _UNIX) // timedelta(microseconds=1)


@dataclasses.dataclass
class Inode:
    """A file, directory or link."""

    type: str
    size: int
    mtime: int  # ticks
    ctime: int
    uid: int
    gid: int
    mode: int
    nlink: int
    target: str | None


class SimulatedFileSystem:
    """Runs random operations; `at` returns every path as it was at any tick."""

    def __init__(self, seed: random.Random, *, recreates: bool) -> None:
        """Begin with one directory. Without `recreates`, no name and no value is ever used twice."""
        self.random, self.recreates = seed, recreates
        self.tick, self._unique = 1, 0
        self.inodes: dict[str, Inode] = {TOP: self._new("d")}
        self._history: list[dict[str, Entry]] = [{}, self._entries()]

    def run(self, operations: int) -> None:
        """Apply some random operations."""
        for _ in range(operations):
            self.tick += 1
            self._operate()
            self._history.append(self._entries())

    def at(self, tick: int) -> dict[str, Entry]:
        """Return the entries after the operation of a tick."""
        return self._history[min(tick, self.tick)]

    def is_unchanged(self, path: str, first: int, last: int) -> bool:
        """Return whether a path had one state in all of a time, including that it did not exist."""
        return len({self.at(tick).get(path) for tick in range(first, last + 1)}) == 1

    def _operate(self) -> None:
        paths = sorted(self.inodes)
        files = [path for path in paths if self.inodes[path].type != "d"]
        directories = [path for path in paths if self.inodes[path].type == "d"]
        choice = self.random.choice(
            [
                "create",
                "create",
                "mkdir",
                "link",
                "write",
                "write",
                "chmod",
                "chown",
                "touch",
                "rename",
                "unlink",
            ]
        )
        if choice in ("create", "mkdir"):
            path = self._free_name(self.random.choice(directories))
            if path is not None:
                self.inodes[path] = self._new("d" if choice == "mkdir" else self.random.choice("ffl"))
                self._touch_above(path)
        elif choice in ("chmod", "chown", "touch"):
            inode = self.inodes[self.random.choice(paths)]
            inode.ctime = self.tick
            if choice == "chmod":
                inode.mode = self._value(0o777)
            elif choice == "chown":
                inode.uid = self._value(3)
            else:  # a program sets any time
                inode.mtime = self._value(self.tick)
        elif files:
            path = self.random.choice(files)
            inode = self.inodes[path]
            if choice == "write" and inode.type == "f":
                inode.size, inode.mtime, inode.ctime = self._value(3), self.tick, self.tick
            elif choice == "unlink":
                inode.nlink, inode.ctime = inode.nlink - 1, self.tick
                del self.inodes[path]
                self._touch_above(path)
            elif choice in ("rename", "link"):
                new = self._free_name(self.random.choice(directories))
                if new is not None:
                    inode.ctime = self.tick
                    self.inodes[new] = inode
                    self._touch_above(new)
                    if choice == "link":
                        inode.nlink += 1
                    else:
                        del self.inodes[path]
                        self._touch_above(path)

    def _free_name(self, directory: str) -> str | None:
        path = f"{directory}/{self._value(4)}"
        return None if path in self.inodes else path

    def _touch_above(self, path: str) -> None:
        above = self.inodes[path.rpartition("/")[0]]
        above.mtime = above.ctime = self.tick

    def _new(self, kind: str) -> Inode:
        return Inode(
            type=kind,
            size=self._value(3),
            mtime=self.tick,
            ctime=self.tick,
            uid=self._value(3),
            gid=self._value(3),
            mode=self._value(0o777),
            nlink=1,
            target=str(self._value(3)) if kind == "l" else None,
        )

    def _value(self, largest: int) -> int:
        if self.recreates:
            return self.random.randint(0, largest)
        self._unique += 1
        return 10_000 + self._unique

    def _entries(self) -> dict[str, Entry]:
        return {path: entry_of(path, inode) for path, inode in copy.deepcopy(self.inodes).items()}


def entry_of(path: str, inode: Inode) -> Entry:
    """Return an inode as a row of an index."""
    parent, _, name = path.rpartition("/")
    return Entry(
        parent=f"{parent}/",
        name=name,
        type=inode.type,
        size=inode.size,
        mtime_us=microseconds(inode.mtime),
        ctime_us=microseconds(inode.ctime),
        uid=inode.uid,
        gid=inode.gid,
        mode=inode.mode,
        nlink=inode.nlink,
        inode=None,
        target=inode.target,
        ext=None,
    )


def read_over(history: SimulatedFileSystem, seed: random.Random, first: int, last: int) -> dict[str, Entry]:
    """Return what a reader finds that reads each path at some time between two ticks."""
    paths = {path for tick in range(first, last + 1) for path in history.at(tick)}
    found = {path: history.at(seed.randint(first, last)).get(path) for path in sorted(paths)}
    return {path: entry for path, entry in found.items() if entry is not None}
