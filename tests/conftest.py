"""Fixtures and settings for all tests."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests import scheduling

# Machines are shared and slow at times; figures are for the benchmarks. In CI the same examples are tried
# each time, so that results depend on the change only; elsewhere each run uses new ones.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# A shell without job control starts background commands (`make test &`) with SIGINT ignored, and programs
# that tests interrupt would inherit this.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the groups of tests that take longest first."""
    scheduling.sort(items)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Send each group of tests to one worker, with `--dist loadscope`."""
    if config.getvalue("dist") == "loadscope":
        return scheduling.GroupScheduling(config, log)
    return None


@pytest.fixture(autouse=True)
def _no_credentials_of_the_developers(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test reaches an account or a deployment by accident: environment, files and host name none."""
    if request.node.get_closest_marker("aws"):
        return
    ours = [name for name in os.environ if name.startswith(("AWS_", "TIDEMARK_"))]
    for variable in ours:
        if variable != "AWS_CA_BUNDLE":
            monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
