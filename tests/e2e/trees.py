"""What a directory tree contains, read independently of the product."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

_HASHED = 1 << 20  # larger files are compared by their size


class Node(NamedTuple):
    """One entry."""

    kind: str  # f, d or l
    mode: int
    owner: tuple[int, int]
    size: int
    mtime_ns: int
    content: str  # digest of a file, target of a link
    links: int  # names of a file


def tree(directory: Path) -> dict[bytes, Node]:
    """Return the entries below a directory by their paths, without sockets, FIFOs, devices and restores."""
    found: dict[bytes, Node] = {}
    top = os.fsencode(directory)
    pending = [b""]
    while pending:
        parent = pending.pop()
        with os.scandir(os.path.join(top, parent)) as entries:
            for entry in entries:
                path = os.path.join(parent, entry.name)
                if path.startswith(b"aws-backup-"):
                    continue
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)
                    found[path] = _node("d", status, "")
                elif stat.S_ISLNK(status.st_mode):
                    target = os.readlink(os.path.join(top, path))  # noqa: PTH115 - bytes
                    found[path] = _node("l", status, os.fsdecode(target))
                elif stat.S_ISREG(status.st_mode):
                    found[path] = _node("f", status, _digest(os.path.join(top, path), status.st_size))
    return found


def without_directory_times(found: dict[bytes, Node]) -> dict[bytes, Node]:
    """Return the entries with the times of directories cleared: creating and removing names changes them."""
    return {path: node._replace(mtime_ns=0) if node.kind == "d" else node for path, node in found.items()}


def _node(kind: str, status: os.stat_result, content: str) -> Node:
    return Node(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        owner=(status.st_uid, status.st_gid),
        size=0 if kind == "d" else status.st_size,  # a directory's size depends on its history
        mtime_ns=status.st_mtime_ns,
        content=content,
        links=1 if kind == "d" else status.st_nlink,
    )


def _digest(path: bytes, size: int) -> str:
    if size > _HASHED:
        return ""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
