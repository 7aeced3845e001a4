"""What the pages know stays in use while it is read again, even if that fails."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.index.building import index_rows, row
from tests.web.sites import NOW
from tidemark.errors import AccessDenied
from tidemark.index.storage.object_store import FileStore
from tidemark.web.source import Source


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    made = FileStore(tmp_path / "repository")
    index_rows(made, tmp_path, [row("/a")])
    return made


def wait_for_readers() -> None:
    for thread in threading.enumerate():
        if "_read_again" in thread.name:
            thread.join(10)


def test_a_repository_that_cannot_be_read_again_changes_nothing(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [NOW]
    source = Source(store, connection=None, repository_url=store.url, now=lambda: now[0])
    known = source.known()
    assert len(known.indexes) == 1
    listed: list[str] = []

    def deny(prefix: str) -> Any:
        listed.append(prefix)
        raise AccessDenied("the credentials have expired; sign in again")

    monkeypatch.setattr(store, "list_folders", deny)
    for attempt in (1, 2):  # a failed attempt does not prevent the next one
        now[0] += timedelta(minutes=1)
        assert source.known() is known
        wait_for_readers()  # an error that a thread raises would fail this test
        assert len(listed) == attempt
