"""Copies and removes directory trees."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from localcloud.core.processes import ChildProcesses

COPIER = Path(__file__).with_name("copy_tree.py")
Mode = Literal["--link", "--whole"]  # see copy_tree.py


class NotCopied(Exception):
    """The tree cannot be copied; the message is the reason, such as a full disk."""


def copy_tree(
    processes: ChildProcesses,
    source: Path,
    destination: Path,
    stop: threading.Event,
    *,
    items: Sequence[str] = (),
    mode: Mode | None = None,
) -> int:
    """Copy `source`, or only `items` in it, to the new directory `destination`; returns the bytes copied.

    The copy is made by a separate process. Stops early, with an incomplete copy, once `stop` is set. Raises
    NotCopied.
    """
    child = processes.spawn(
        [sys.executable, "-I", "-S", COPIER, *([mode] if mode else []), source, destination, *items],
        name=f"copy {destination.parent.name}",
        kind="function",  # killed immediately at shutdown, unlike a worker
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        cwd=Path("/"),
        output=subprocess.PIPE,
    )
    finished = threading.Event()

    def stop_child() -> None:
        while not finished.is_set():
            if stop.wait(0.1):
                child.signal(signal.SIGKILL)
                return

    threading.Thread(target=stop_child, daemon=True).start()
    try:
        output = child.popen.stdout.read() if child.popen.stdout else b""
        code = processes.wait(child)
    finally:
        finished.set()
    if stop.is_set():
        return 0
    lines = output.decode(errors="replace").strip().splitlines()
    if code != 0 or not lines:
        raise NotCopied(lines[-1] if lines else f"the copy of {source} ended with exit code {code}")
    return int(json.loads(lines[-1])["bytes"])


def remove_tree(directory: Path) -> None:
    """Remove a directory tree, even if it is deeper than PATH_MAX or not writable by its owner."""
    if not directory.exists():
        return
    if subprocess.run(["rm", "-rf", "--", directory], check=False, capture_output=True).returncode:
        for path in _directories(directory):
            path.chmod(stat.S_IRWXU)
        shutil.rmtree(directory, ignore_errors=True)


def _directories(top: Path) -> Iterator[Path]:
    top.chmod(stat.S_IRWXU)
    for path in top.iterdir():
        if path.is_dir() and not path.is_symlink():
            yield path
            yield from _directories(path)
