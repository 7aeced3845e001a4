"""Trees with every kind of entry that broke a crawler, and the output of `find` for them."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
from pathlib import Path
from typing import NamedTuple

LONG = b"n" * 250


class Row(NamedTuple):
    """One entry, with the fields on which the crawler and `find` must agree."""

    path: bytes  # from the root, with a slash at its start
    type: str
    mode: int
    nlink: int
    uid: int
    gid: int
    size: int
    inode: int
    mtime_us: int
    ctime_us: int
    target: bytes


def make_pitfalls(root: Path) -> None:
    """Fill a directory. Everything in it is readable by its owner."""
    (root / "empty").mkdir()
    (root / "plain.txt").write_text("hello")
    (root / "UPPER.TXT").write_text("")
    os.utime(root / "plain.txt", ns=(1, 1_234_567_890_123_456_789))
    os.utime(root / "UPPER.TXT", ns=(0, -86_400_000_000_001))  # before 1970
    for name in (
        b"not utf8 \xff\xfe",
        b"caf\xc3\xa9",
        b"caf\xe9",
        b"new\nline",
        b"literal \\xff",
        b"\\",
        b"\\x",
        b"tab\tand\x1b[31m",
        b" leading and trailing ",
        b"-dash",
        b"*?[",
        b"\xf0\x9f\x8c\x8a",
        LONG,
    ):
        with open(os.path.join(os.fsencode(root), name), "wb") as file:
            file.write(name)
    odd = os.path.join(os.fsencode(root), b"dir \xff\n\\x41")
    os.mkdir(odd)  # noqa: PTH102 - pathlib cannot hold these bytes
    with open(os.path.join(odd, b"inside"), "wb"):
        pass
    # "a b/" and "a-b/" sort before "a/", although "a" sorts before "a b": complete paths have another order.
    for name in ("a", "a b", "a-b", "a0", "a/b", "a.b"):
        (root / name).mkdir()
        (root / name / "z").write_text("")
    (root / "sub").mkdir()
    (root / "loop").symlink_to(".")
    (root / "sub" / "up").symlink_to("..")
    (root / "dangling").symlink_to("nothing/here")
    os.symlink(b"bytes \xff", os.path.join(os.fsencode(root), b"link to bytes"))  # noqa: PTH211 - likewise
    (root / "long target").symlink_to("t" * 3000)
    os.link(root / "plain.txt", root / "sub" / "hard link")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(root)  # a socket's path has 108 bytes
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
    (root / "setuid").write_text("")
    (root / "setuid").chmod(0o6755)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o1777)
    with open(root / "sparse", "wb") as sparse:
        sparse.truncate(1 << 40)
    wide = root / "wide"
    wide.mkdir()
    for number in range(3000):
        (wide / f"{number:05}").write_bytes(b"")
    make_chain(root / "chain", depth=20)
    if os.geteuid() == 0:
        os.mknod(root / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.chown(root / "UPPER.TXT", 4_000_000_000, 3_000_000_000)


def make_chain(top: Path, depth: int) -> None:
    """Nest directories with long names beyond PATH_MAX, a file in each."""
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for level in range(depth):
        os.close(os.open(f"file{level}", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        os.mkdir(LONG, dir_fd=fd)
        below = os.open(LONG, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)


def remove(root: Path) -> None:
    """Remove a tree with any content."""
    shutil.rmtree(root)


def found_by_find(root: Path) -> list[Row]:
    """Return the rows that GNU find prints for all entries below a directory, sorted."""
    fields = ["%P", "%y", "%m", "%n", "%U", "%G", "%s", "%i", "%T@", "%C@", "%l"]
    run = subprocess.run(
        ["find", root, "-mindepth", "1", "-xdev", "-printf", "\\0".join(fields) + "\\0"],
        stdout=subprocess.PIPE,
        check=True,
    )
    values = run.stdout.split(b"\0")[:-1]
    rows = [values[start : start + len(fields)] for start in range(0, len(values), len(fields))]
    return sorted(
        Row(
            path=b"/" + path,
            type=kind.decode(),
            mode=int(mode, 8),
            nlink=int(nlink),
            uid=int(uid),
            gid=int(gid),
            size=int(size),
            inode=int(inode),
            mtime_us=_microseconds(mtime),
            ctime_us=_microseconds(ctime),
            target=target,
        )
        for path, kind, mode, nlink, uid, gid, size, inode, mtime, ctime, target in rows
    )


def open_descriptors() -> int:
    """Return the number of open files of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _microseconds(text: bytes) -> int:
    """Return find's seconds with a fraction as whole microseconds, rounded down."""
    seconds, fraction = text.split(b".")
    # Before 1970 find writes the kernel's two numbers side by side: -2.9 is 0.9 seconds after -2.
    return int(seconds) * 1_000_000 + int(fraction[:6])
