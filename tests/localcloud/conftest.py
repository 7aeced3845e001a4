"""One local cloud for all tests of this directory that only add to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import LocalCloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    directory: Path = tmp_path_factory.mktemp("home")
    with LocalCloud.start(
        file_systems={"home": directory}, time_scale=0.02, timeout_scale=0.02, region="eu-central-1"
    ) as running:
        yield running
