from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crawl import trees


@pytest.fixture(scope="module")
def pitfalls() -> Iterator[Path]:
    """A tree with everything in it, on a path that any user can reach."""
    root = Path(tempfile.mkdtemp(prefix="pitfalls-"))
    root.chmod(0o755)
    trees.make_pitfalls(root)
    yield root
    trees.remove(root)
