from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crawl import trees
from tidemark.crawl.c_crawler import CCrawl, load_core
from tidemark.crawl.python_crawler import PythonCrawl


@pytest.fixture(scope="module")
def pitfalls() -> Iterator[Path]:
    """A tree with every kind of entry, on a path that any user can reach."""
    root = Path(tempfile.mkdtemp(prefix="pitfalls-"))
    root.chmod(0o755)
    trees.make_pitfalls(root)
    yield root
    trees.remove(root)


@pytest.fixture(params=[CCrawl, PythonCrawl])
def crawler(request):
    """Each of the crawlers that this machine can run."""
    if request.param is CCrawl and load_core() is None:
        pytest.skip("the C core was not built: there is no compiler here")
    return request.param
