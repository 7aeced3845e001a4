"""The files to mutate, and the tests that judge the mutants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

TARGETS = (
    "tidemark/sessions/*.py",
    "lambdas/*.py",
    "tidemark/tags.py",
    "tidemark/aws/tag_keys.py",
    "worker_image/*.py",
)
# Files that run in the tests' process; coverage finds the tests that run a line.
TESTS = (
    "tests/sessions",
    "tests/lambdas",
    "tests/tags",
    "tests/aws/test_notify_sessions.py",
    "tests/aws/test_point_tags.py",
    "tests/aws/test_records.py",
    "tests/aws/test_tag_keys.py",
    "tests/cli/test_session.py",
    "tests/cli/test_sessions.py",
    "tests/cli/test_resumable_build.py",
    "tests/worker_image/test_heartbeat.py",
    "tests/worker_image/test_index_worker.py",
)
# The worker runs in separate processes without coverage, so all of these judge each of its mutants.
SPAWNED = {"worker_image/": ("tests/worker_image/test_index_worker.py",)}
# The files of a copy of the tree, in which tests import the mutated files.
TREE = ("bench", "infra", "lambdas", "localcloud", "tests", "tidemark", "worker_image")


def target_files(root: Path) -> list[str]:
    """Return the files to mutate, as paths below `root`, in a fixed order."""
    found = {str(path.relative_to(root)) for pattern in TARGETS for path in root.glob(pattern)}
    return sorted(found)


def test_files(root: Path) -> list[str]:
    """Return the test files, as paths below `root`, in a fixed order."""
    return sorted({str(path.relative_to(root)) for test in TESTS for path in _files(root / test)})


def spawned_tests(file: str) -> tuple[str, ...]:
    """Return the test files that judge every mutant of a file, regardless of coverage."""
    return next((tests for start, tests in SPAWNED.items() if file.startswith(start)), ())


def _files(test: Path) -> Iterator[Path]:
    if test.is_dir():
        yield from test.rglob("test_*.py")
    elif test.exists():
        yield test
