"""The server: on loopback only, streams while it searches, and notices that a browser has left."""

from __future__ import annotations

import http.client
import socket
import threading

import pytest

from tests.index.building import index_rows, row
from tests.web.sites import served
from tidemark.index.storage.object_store import FileStore
from tidemark.web import find
from tidemark.web.guard import Guard
from tidemark.web.stores import Stopped

SECONDS = 60.0


@pytest.fixture
def guard(tmp_path):
    (tmp_path / "repository").mkdir()
    store = FileStore(tmp_path / "repository")
    index_rows(store, tmp_path, [row(f"/{number:03}.txt") for number in range(30)])
    with served(store) as found:
        yield found


def request(guard: Guard, path: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", guard.port, timeout=SECONDS)
    connection.request("GET", path, headers={"Cookie": f"{guard.cookie}={guard.session}"})
    return connection


def test_it_listens_on_the_loopback_address_only(guard):
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in others - {"127.0.0.1"}:
        with socket.socket() as client:
            client.settimeout(5)
            assert client.connect_ex((address, guard.port)) != 0


def test_the_page_begins_before_the_search_has_found_anything(guard, monkeypatch):
    go = threading.Event()
    found = find.find

    def waits(store, manifests, question):
        go.wait(SECONDS)
        return found(store, manifests, question)

    monkeypatch.setattr(find, "find", waits)
    connection = request(guard, "/find?q=.txt")
    response = connection.getresponse()
    begun = response.read1()
    assert b'id="q"' in begun
    assert b"029.txt" not in begun
    go.set()
    assert b"029.txt" in response.read()
    connection.close()


def test_a_search_ends_when_the_browser_leaves(guard, monkeypatch):
    begun, ended = threading.Event(), threading.Event()

    def endless(store, manifests, _question):
        try:
            while True:
                store.get(manifests[0].key)
                begun.set()
                yield from ()
        except Stopped:
            ended.set()
            raise

    monkeypatch.setattr(find, "find", endless)
    connection = request(guard, "/find?q=.txt")
    assert begun.wait(SECONDS)
    connection.close()
    assert ended.wait(SECONDS)
