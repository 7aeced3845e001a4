"""Which tests share a worker of pytest-xdist, and in which order the workers take them.

A test that needs something costly, such as a deployment, runs in the same worker as the others that need it:
each worker would otherwise create its own. The longest groups start first. `make test` has more workers than
cores because these groups mostly wait.
"""

from __future__ import annotations

from pathlib import Path

import pytest

# In the order of their start. A group is a file or a directory below tests/, or several. Those in `e2e` share
# one deployment for each group.
GROUPS: tuple[tuple[str, ...], ...] = (
    ("e2e/test_session.py", "e2e/test_overlap.py", "e2e/test_account_network.py"),
    ("e2e/test_failures.py", "e2e/test_stopped_workers.py"),
    ("e2e/test_deleted_meanwhile.py", "e2e/test_partitions.py"),
    (
        "infra/test_documented_permissions.py",  # one recording, and the checks of one assembly
        "infra/test_permissions.py",
        "infra/test_second_opinion.py",
        "infra/test_unused_grants.py",
        "infra/test_worker_roles.py",
    ),
    ("localcloud/backup",),  # one local cloud for each directory or file
    ("localcloud/compute",),
    ("infra/test_ministack.py",),
    ("worker_image/test_image.py",),
    ("cli/test_local_up.py",),
    ("localcloud/test_permissions.py",),
    ("localcloud/test_listeners.py",),
    ("localcloud/test_web_page_guard.py",),
    ("localcloud/test_request_signature.py",),
    ("localcloud/cloudformation",),
)
# Tests of these take seconds each and share nothing: each is a group.
SINGLE = (
    "infra/test_redeploy.py",
    "infra/test_limits.py::test_a_thousand",
    "localcloud/test_life.py",
    "cli/test_unreadable.py",
    "sessions/test_interleavings.py",
)
TESTS = Path(__file__).parent


def assign(items: list[pytest.Item]) -> None:
    """Give each test the mark of its group, and sort the tests by group."""
    named = [(_group_of(item), item) for item in items]
    for (_, name), item in named:
        item.add_marker(pytest.mark.xdist_group(name))
    position: dict[str, int] = {}
    for (_, name), _item in named:
        position.setdefault(name, len(position))
    named.sort(key=lambda one: (one[0][0], position[one[0][1]]))
    items[:] = [item for _, item in named]


def _group_of(item: pytest.Item) -> tuple[int, str]:
    """Return the rank and the name of a test's group; by default the group is its file."""
    path = item.path.relative_to(TESTS).as_posix()
    test = f"{path}::{item.name}"
    for rank, group in enumerate(GROUPS):
        if any(path == member or path.startswith(f"{member}/") for member in group):
            return rank, group[0]
    if test.startswith(SINGLE):
        return len(GROUPS), test
    return len(GROUPS) + 1, path
