"""Small trees as values, on disk, and an independent model of what a placement does with them.

A directory is a dict, a file its content in bytes, a symbolic link a str. Restored directories get a mode and
a time that follow from their path, so that each is recognized wherever it is.
"""

from __future__ import annotations

import copy
import os
import stat
import zlib
from typing import TypeAlias

Tree: TypeAlias = dict[bytes, "Tree | bytes | str"]
Node: TypeAlias = Tree | bytes | str
Path: TypeAlias = tuple[bytes, ...]

LIVE_MODE, LIVE_TIME = 0o700, 1_000_000_000_000_000_000
SUFFIX = b".restored"


class Marked(dict):
    """A directory with attributes: those of the restored directory of this path."""

    mark: tuple[int, int] | None = None


def mark_of(path: Path) -> tuple[int, int]:
    """Return the mode and the time of a restored directory."""
    number = zlib.crc32(b"/".join(path))
    return 0o700 | number % 64, 1_500_000_000_123_456_789 + number * 1_000_000_007


def build(directory: bytes, tree: Tree, *, restored: bool = False, path: Path = ()) -> None:
    """Create a tree in an existing directory."""
    for name, node in tree.items():
        at = os.path.join(directory, name)
        if isinstance(node, dict):
            os.mkdir(at)
            build(at, node, restored=restored, path=(*path, name))
            mode, mtime = mark_of((*path, name)) if restored else (LIVE_MODE, LIVE_TIME)
            os.chmod(at, mode)
            os.utime(at, ns=(mtime, mtime))
        elif isinstance(node, bytes):
            with open(at, "wb") as file:
                file.write(node)
        else:
            os.symlink(node.encode(), at)


def read(directory: bytes, *, omit: bytes = b"\0") -> Marked:
    """Return the tree in a directory, without names at its top that begin with `omit`."""
    tree = Marked()
    status = os.stat(directory)
    tree.mark = (stat.S_IMODE(status.st_mode), status.st_mtime_ns)
    for entry in os.scandir(directory):
        if entry.name.startswith(omit):
            continue
        if entry.is_symlink():
            tree[entry.name] = os.readlink(entry.path).decode()
        elif entry.is_dir():
            tree[entry.name] = read(entry.path)
        else:
            with open(entry.path, "rb") as file:
                tree[entry.name] = file.read()
    return tree


def marks(tree: Tree, path: Path = ()) -> dict[Path, tuple[int, int] | None]:
    """Return the attributes of all directories of a tree from `read` or of the model's."""
    found = {}
    for name, node in tree.items():
        if isinstance(node, dict):
            found[*path, name] = getattr(node, "mark", None)
            found |= marks(node, (*path, name))
    return found


def marked(tree: Tree, path: Path = ()) -> Marked:
    """Return a restored tree with the attributes that `build` gives it."""
    result = Marked(
        (name, marked(node, (*path, name)) if isinstance(node, dict) else node) for name, node in tree.items()
    )
    result.mark = mark_of(path) if path else None
    return result


class Model:
    """What a placement must do, computed on values."""

    def __init__(self, restored: Tree, live: Tree, policy: str) -> None:
        """Copy both trees."""
        self.restored = marked(restored)
        self.live: Tree = copy.deepcopy(live)
        self.policy = policy
        self.outcomes: dict[bytes, str] = {}

    def place(self, items: set[Path], destination: Path) -> None:
        """Place the items, none of which is below another."""
        for item in sorted(items):
            if not item:
                target = self._directory(destination, ())
                if target is None:
                    self.outcomes[b""] = "conflict"
                    continue
                for name in list(self.restored):
                    self._put((name,), self.restored, target)
                self.outcomes[b""] = "merged"
                continue
            above: Node | None = self.restored
            for name in item[:-1]:
                above = above.get(name) if isinstance(above, dict) else None
            if not isinstance(above, dict) or item[-1] not in above:
                self.outcomes[b"/".join(item)] = "failed"
                continue
            target = self._directory(destination, item[:-1])
            if target is None:
                self.outcomes[b"/".join(item)] = "conflict"
            else:
                self._put(item, above, target)

    def _directory(self, destination: Path, above: Path) -> Tree | None:
        here: Node = self.live
        for level, name in enumerate((*destination, *above), 1):
            created = Marked()
            created.mark = mark_of(above[: level - len(destination)]) if level > len(destination) else None
            here = here.setdefault(name, created)
            if not isinstance(here, dict):
                return None
        return here

    def _put(self, path: Path, source: Tree, target: Tree) -> None:
        name, existing = path[-1], target.get(path[-1])
        node, outcome, at = source[name], "conflict", name
        if existing is None:
            outcome = "placed"
        elif isinstance(node, dict) and isinstance(existing, dict):
            for below in list(node):
                self._put((*path, below), node, existing)
            if not node:
                del source[name]
            if self.policy == "replace":
                replaced = Marked(existing)
                replaced.mark = mark_of(path)
                target[name] = replaced
            self.outcomes[b"/".join(path)] = "merged"
            return
        elif self.policy == "rename":
            outcome, at, number = "renamed", name + SUFFIX, 1
            while at in target:
                number += 1
                at = name + SUFFIX + b"-%d" % number
        elif not isinstance(node, dict) and not isinstance(existing, dict) and self.policy != "fail":
            outcome = {"skip": "skipped", "replace": "replaced"}[self.policy]
        if outcome == "skipped":
            del source[name]
        elif outcome != "conflict":
            target[at] = source.pop(name)
        self.outcomes[b"/".join(path)] = outcome
