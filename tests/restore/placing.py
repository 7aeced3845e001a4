"""Restored directories to place, and calls of `place` and `finish` with their reports."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from tests.restore import trees
from tidemark.restore.finish import Finished, finish
from tidemark.restore.outcomes import Placed, PlaceTotals
from tidemark.restore.place import place

RESTORED = b"aws-backup-restore_2026-11-29T15-30-00Z"


class Disk:
    """A file system with a restored directory in its root."""

    def __init__(self, root: bytes, restored: trees.Tree, live: trees.Tree) -> None:
        """Create both trees in an empty directory."""
        self.root = root
        self.restored = os.path.join(root, RESTORED)
        trees.build(root, live)
        os.mkdir(self.restored)
        trees.build(self.restored, restored, restored=True)
        self.reports: list[Placed] = []

    def place(
        self,
        items: Collection[bytes] = (b"",),
        on_conflict: str = "fail",
        destination: bytes = b"",
        suffix: bytes = trees.SUFFIX,
        may_continue: Callable[[], None] = lambda: None,
    ) -> PlaceTotals:
        """Place; `reports` are then those of this call."""
        self.reports = []
        return place(
            self.root,
            RESTORED,
            items,
            destination=destination,
            on_conflict=on_conflict,
            suffix=suffix,
            report=self.reports.append,
            may_continue=may_continue,
        )

    def finish(self, items: Collection[bytes] = (b"",)) -> Finished:
        """Finish."""
        return finish(self.root, RESTORED, items, may_continue=lambda: None)

    def outcomes(self) -> dict[bytes, str]:
        """Return the outcome of each path; each was reported once."""
        outcomes = {placed.path: placed.outcome for placed in self.reports}
        assert len(outcomes) == len(self.reports), sorted(self.reports, key=lambda placed: placed.path)
        return outcomes

    def live(self) -> trees.Marked:
        """Return the tree, without the restored directory."""
        return trees.read(self.root, omit=RESTORED)

    def left(self) -> trees.Marked:
        """Return the tree in the restored directory, without Tidemark's own directory."""
        return trees.read(self.restored, omit=b".tidemark-")


@contextmanager
def disk(restored: trees.Tree, live: trees.Tree) -> Iterator[Disk]:
    """Provide a file system."""
    root = os.fsencode(tempfile.mkdtemp(prefix="placing-"))
    try:
        yield Disk(root, restored, live)
    finally:
        subprocess.run(["rm", "-rf", root], check=True)  # of any depth
