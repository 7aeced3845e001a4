"""Copies directory trees in a separate process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from localcloud.backup.engine import JobFailed
from localcloud.core.cloud import Cloud

COPIER = Path(__file__).with_name("copy_tree.py")


def copy_tree(
    cloud: Cloud,
    source: Path,
    destination: Path,
    stop: threading.Event,
    *,
    items: Sequence[str] = (),
    link: bool = False,
) -> int:
    """Copy `source`, or only `items` in it, to the new directory `destination`; returns the bytes copied.

    With `link`, files become hard links, and no bytes are copied.

    Stops early, with an incomplete copy, once `stop` is set. Raises JobFailed with the reason, such as a full
    disk.
    """
    child = cloud.processes.spawn(
        [sys.executable, "-I", "-S", COPIER, *["--link"] * link, source, destination, *items],
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
        code = cloud.processes.wait(child)
    finally:
        finished.set()
    if stop.is_set():
        return 0
    lines = output.decode(errors="replace").strip().splitlines()
    if code != 0 or not lines:
        raise JobFailed(lines[-1] if lines else f"the copy of {source} ended with exit code {code}")
    return int(json.loads(lines[-1])["bytes"])
