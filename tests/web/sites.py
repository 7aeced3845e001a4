"""Pages of made-up indexes, for tests: through the application without a network, and through the server."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.crawl.trees import Row
from tests.index.building import index_rows
from tidemark.index.storage.object_store import FileStore
from tidemark.web.app import create_app
from tidemark.web.guard import Guard
from tidemark.web.server import serving
from tidemark.web.source import Source
from tidemark.web.state import State

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
PORT = 8384
HOST = f"127.0.0.1:{PORT}"


@dataclasses.dataclass
class Site:
    """The pages of a repository, read by an admitted browser without scripts."""

    store: FileStore
    source: Source
    guard: Guard
    client: FlaskClient
    state: State

    def get(self, address: str, **headers: str) -> TestResponse:
        return self.client.get(address, base_url=f"http://{HOST}", headers=headers, buffered=True)

    def post(self, address: str, data: dict[str, object], **headers: str) -> TestResponse:
        given = {"Origin": f"http://{HOST}", **headers}
        return self.client.post(address, base_url=f"http://{HOST}", data=data, headers=given)

    def page(self, address: str, status: int = 200) -> Page:
        answer = self.get(address)
        assert answer.status_code == status, answer.text
        return Page(answer.text)


def site_of(store: FileStore, *, connection: object = None, url: str | None = None) -> Site:
    """Return the pages of a repository, with an admitted client."""
    source = Source(
        store,
        connection=connection,  # type: ignore[arg-type]  # stand-ins have what the pages use
        repository_url=(url or store.url) if connection is None else None,
        now=lambda: NOW,
    )
    guard = Guard(PORT)
    app = create_app(source, guard)
    client = app.test_client()
    client.set_cookie(guard.cookie, guard.session, domain="127.0.0.1")
    return Site(store, source, guard, client, app.extensions["tidemark"])


def site_with(directory: Path, *indexes: Sequence[Row]) -> Site:
    """Return the pages of a new repository with these indexes of one file system, oldest first."""
    (directory / "repository").mkdir()
    store = FileStore(directory / "repository")
    for number, rows in enumerate(indexes, 1):
        index_rows(store, directory, rows, number=number)
    return site_of(store)


@contextmanager
def served(store: FileStore, url: str | None = None) -> Iterator[Guard]:
    """Serve a repository on a free port; the pages show `url` as its address."""
    source = Source(store, connection=None, repository_url=url or store.url, now=lambda: NOW)
    with serving(source, 0) as guard:
        yield guard


class Page(HTMLParser):
    """A parsed page: its elements, links and texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = text
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self.by_class: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("input", "link", "meta", "img", "br", "rect"):
            self._open.append(self.elements[-1])
            for name in self.elements[-1][1].get("class", "").split():
                self.by_class.setdefault(name, []).append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        for _, attributes in self._open:
            for name in attributes.get("class", "").split():
                self.by_class[name][-1] += data

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for tag, attributes in self.elements if tag == "a"]

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every element with the names of its attributes, without their values."""
        return [(tag, tuple(attributes)) for tag, attributes in self.elements]

    @property
    def command(self) -> str:
        """The command that prints the same as the page."""
        (found,) = re.findall(r'<code id="command"[^>]*>([^<]*)</code>', self.text)
        import html

        return html.unescape(found)

    def queries(self, path: str) -> list[dict[str, str]]:
        """Return the queries of the links to a page."""
        parsed = [urlsplit(link) for link in self.links]
        return [
            {name: values[0] for name, values in parse_qs(each.query).items()}
            for each in parsed
            if each.path == path
        ]

    def cells(self, name: str) -> list[str]:
        """Return the texts of the elements of a class, without white space around them."""
        return [" ".join(text.split()) for text in self.by_class.get(name, [])]
