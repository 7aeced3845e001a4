"""One set of clients for all tests here, and an empty account on moto for each that asks."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.aws.account import new_clients
from tidemark.aws.clients import Clients


@pytest.fixture(autouse=True)
def _no_credentials_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "TIDEMARK_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(scope="session")
def shared_clients() -> Clients:
    return new_clients()


@pytest.fixture
def clients(shared_clients: Clients) -> Iterator[Clients]:
    """The clients of an empty account."""
    with mock_aws():
        yield shared_clients
