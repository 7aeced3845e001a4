"""Nothing that the local cloud started outlives it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.localcloud.compute.conftest import Site, open_site, wait_for
from tests.localcloud.compute.test_ecs import register, run
from tests.localcloud.compute.test_instances import launch

pytestmark = pytest.mark.cloud


def start_workers(site: Site) -> list[psutil.Process]:
    """Start a task and an instance that would run for minutes; returns the server and all below it."""
    definition = register(site)
    run(site, definition, {"ORDER": "ignore"})
    launch(site, "long", order="wait")
    server = psutil.Process(site.cloud.pid)

    def all_run() -> list[psutil.Process]:
        groups = [psutil.Process(one["pid"]) for one in site.cloud.worker_processes()]
        below = [child for group in groups for child in group.children(recursive=True)]
        return [*groups, *below] if len(groups) == 2 and len(below) >= 1 else []

    return [server, *wait_for(all_run)]


def test_the_end_of_the_local_cloud_ends_its_workers(tmp_path: Path) -> None:
    with open_site(tmp_path) as site:
        processes = start_workers(site)
        assert all(process.is_running() for process in processes)
    assert not any(process.is_running() for process in processes)


def test_a_killed_server_leaves_no_worker(tmp_path: Path) -> None:
    with open_site(tmp_path) as site:
        processes = start_workers(site)
        os.kill(site.cloud.pid, signal.SIGKILL)
        wait_for(lambda: not any(alive(process) for process in processes[1:]))


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
