"""A file system that takes a millisecond per metadata operation, like a network file system.

    with slow_file_system(tree, readdirplus=False) as mount: ...

It is a small C program that uses libfuse3, compiled on first use. It shares the processors with the crawler:
on two cores it may be the bottleneck of a very fast crawler.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_SOURCE = Path(__file__).with_name("slow_file_system.c")
_SECONDS_TO_END = 10


class SlowFileSystemMissing(Exception):
    """This machine lacks a requirement; the message names it."""


@contextlib.contextmanager
def slow_file_system(tree: Path, *, readdirplus: bool, seconds: float = 0.001) -> Iterator[Path]:
    """Mount a read-only snapshot of a tree's names and attributes; yield the mount point; unmount at the end.

    The contents of files cannot be read. Each operation takes `seconds`. With `readdirplus`, listings include
    attributes, which are valid for a second; without it, every access looks up each name individually.
    Raises SlowFileSystemMissing.
    """
    with tempfile.TemporaryDirectory(prefix="slow-file-system-") as scratch:
        program, mount = Path(scratch, "slow_file_system"), Path(scratch, "mount")
        mount.mkdir()
        _compile(program)
        mode = "plus" if readdirplus else "plain"
        # It ends when its input ends, so that no mount outlives this process, however it ends.
        server = subprocess.Popen(
            [program, tree, mount, str(round(seconds * 1e6)), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            assert server.stdout
            assert server.stderr
            if server.stdout.readline() != b"mounted\n":
                raise SlowFileSystemMissing(
                    f"the slow file system did not start: {server.stderr.read().decode()}"
                )
            yield mount
        finally:
            _end(server, mount)


def _compile(program: Path) -> None:
    for tool, package in (("cc", "gcc"), ("pkg-config", "pkg-config")):
        if shutil.which(tool) is None:
            raise SlowFileSystemMissing(f"{tool} is not installed (Debian's package {package})")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        raise SlowFileSystemMissing("/dev/fuse is missing or not accessible to this user")
    libfuse = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "fuse3 >= 3.13"], capture_output=True, text=True, check=False
    )
    if libfuse.returncode:
        raise SlowFileSystemMissing("libfuse 3.13 or newer is not installed (Debian's package libfuse3-dev)")
    command = [
        "cc",
        "-std=gnu11",
        "-O2",
        "-pthread",
        "-o",
        str(program),
        str(_SOURCE),
        *shlex.split(libfuse.stdout),
    ]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    if compiled.returncode:
        raise SlowFileSystemMissing(f"the slow file system does not compile here: {compiled.stderr}")


def _end(server: subprocess.Popen[bytes], mount: Path) -> None:
    try:
        server.communicate(timeout=_SECONDS_TO_END)  # ends its input
    except subprocess.TimeoutExpired:
        server.kill()
        server.communicate()
    for command in (["fusermount3", "-u", "-z", str(mount)], ["umount", "-l", str(mount)]):
        if mount.is_mount() and shutil.which(command[0]):
            subprocess.run(command, check=False)
