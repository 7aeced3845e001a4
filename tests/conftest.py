"""What holds for every test."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# Machines are shared and slow at times; figures are for the benchmarks. In CI the same examples are tried
# each time, so that a change is judged by itself; elsewhere each run tries new ones.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True)
def _no_credentials_of_the_developers(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test reaches an account by accident: the environment names none."""
    if request.node.get_closest_marker("aws"):
        return
    for variable in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
        monkeypatch.delenv(variable)
