"""Which tests share a worker of pytest-xdist, and in which order the workers take them.

A test that needs something costly, such as a deployment, runs in the same worker as the others that need it:
each worker would otherwise create its own. The longest groups start first. `make test` has more workers than
cores because these groups mostly wait.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

# In the order of their start. A group is a file or a directory below tests/, or several. Those in `e2e` share
# one deployment for each group.
GROUPS: tuple[tuple[str, ...], ...] = (
    (
        "e2e/test_session.py",
        "e2e/test_overlap.py",
        "e2e/test_account_network.py",
        "e2e/test_flags.py",
        "e2e/test_failures.py",
        "e2e/test_stopped_workers.py",
        "e2e/test_deleted_meanwhile.py",
    ),
    (
        "e2e/test_drill.py",
        "e2e/test_restore_tests.py",
        "e2e/test_restore.py",
        "e2e/test_restore_new_file_system.py",
        "e2e/test_restore_page.py",
        "e2e/test_browse.py",
    ),
    ("sites",),  # one organization
    ("e2e/test_partitions.py",),
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
    ("web/test_browser.py",),
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


class GroupScheduling(LoadScopeScheduling):
    """Sends the tests of a group to one worker.

    The mark `xdist_group` has no effect: pytest-xdist 3.8 writes it into an attribute that pytest 9.2 does
    not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group_of(nodeid)[1]


def sort(items: list[pytest.Item]) -> None:
    """Sort the tests by group, in the order in which the groups are to start."""
    groups = [_group_of(item.nodeid) for item in items]
    position: dict[str, int] = {}
    for _, name in groups:
        position.setdefault(name, len(position))
    keys = [(rank, position[name]) for rank, name in groups]
    items[:] = [items[index] for index in sorted(range(len(items)), key=keys.__getitem__)]


def _group_of(nodeid: str) -> tuple[int, str]:
    """Return the rank and the name of a test's group; by default the group is its file."""
    test = nodeid.removeprefix("tests/")
    path = test.partition("::")[0]
    for rank, group in enumerate(GROUPS):
        if any(path == member or path.startswith(f"{member}/") for member in group):
            return rank, group[0]
    if test.startswith(SINGLE):
        return len(GROUPS), test
    return len(GROUPS) + 1, path
