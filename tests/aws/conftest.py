"""An empty account on moto for each test that uses the fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.aws.account import the_clients
from tidemark.aws.clients import Clients


@pytest.fixture(autouse=True)
def _no_images_of_amazon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # thousands, which each test would load again


@pytest.fixture
def clients() -> Iterator[Clients]:
    """The clients of an empty account."""
    with mock_aws():
        yield the_clients()
