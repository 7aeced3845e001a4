"""Copies directory trees for jobs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from localcloud.backup.engine import JobFailed
from localcloud.core import trees
from localcloud.core.cloud import Cloud


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

    With `link`, files become hard links, and no bytes are copied. Stops early, with an incomplete copy, once
    `stop` is set. Raises JobFailed with the reason, such as a full disk.
    """
    try:
        return trees.copy_tree(
            cloud.processes, source, destination, stop, items=items, mode="--link" if link else None
        )
    except trees.NotCopied as error:
        raise JobFailed(str(error)) from None
