"""Names of files attack nothing: no page, attribute, address or header, and no spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.index.building import FILE_SYSTEM, directory, row
from tests.web.sites import Page, Site, site_with
from tidemark.answers.text import visible
from tidemark.escape import escape
from tidemark.web.find import _csv_line

HARMLESS = b"plain"
EVIL = [
    b"<script src=x onload=alert(1)>",
    b'"><img src=x onerror=alert(1)>',
    b"' onmouseover='alert(1)",
    b"&lt;b&gt;&amp;",
    b"javascript:alert(1)",
    b"?q=1&every=1#part",
    b"%2e%2e%2f",
    b"a\r\nSet-Cookie: x=1",
    b"{{ 7 * 7 }}{% raw %}",
    b"<td><table><form action=x>",
    b"]]>--><!--",
    "gpj.\u202eexe".encode(),
    b"caf\xe9 \xff\xfe",
    b"\\xe9 literal",
    b'=HYPERLINK("other")',
    b"  two  spaces ",
    "\u2028line\u2029".encode(),
]
NAMES = (
    st.binary(min_size=1, max_size=30)
    .filter(lambda name: not set(b"/\0") & set(name))
    .filter(lambda name: name not in (b".", b".."))
)


def _site(path: Path, name: bytes) -> Site:
    """Two backups: one with a directory and a file of this name, one in which the file has changed."""
    path.mkdir()
    before = [directory(b"/" + name), row(b"/" + name + b"/" + name, size=5)]
    after = [directory(b"/" + name), row(b"/" + name + b"/" + name, size=7), row(b"/" + name + b"/neighbour")]
    return site_with(path, before, after)


def _addresses(name: bytes) -> list[str]:
    from urllib.parse import urlencode

    shown = escape(name)
    folder, file = {"path": f"/{shown}"}, {"path": f"/{shown}/{shown}"}
    newest = {"file_system": FILE_SYSTEM}
    return [
        f"/find?{urlencode({'ext': '', 'type': 'f', 'under': visible(f'/{shown}')})}",
        f"/find?{urlencode({'type': 'f', 'every': 1})}",
        f"/browse?{urlencode(newest | folder)}",
        f"/versions?{urlencode(newest | file)}",
        f"/changes?{urlencode(newest | folder)}",
        f"/usage?{urlencode(newest | {'path': '/'})}",
        f"/usage?{urlencode(newest | folder)}",
    ]


@pytest.fixture(scope="module")
def plain_shapes(tmp_path_factory):
    site = _site(tmp_path_factory.mktemp("plain") / "site", HARMLESS)
    return [site.page(address).shape for address in _addresses(HARMLESS)]


def _check(site: Site, name: bytes, plain_shapes: list[object]) -> None:
    """A page with this name has exactly the elements and attributes of the page with a plain name."""
    for address, plain in zip(_addresses(name), plain_shapes, strict=True):
        answer = site.get(address)
        page = Page(answer.text)
        # Marks and labels depend on the length of a name, and parts of a table on the time of a result.
        kinds = [
            [each for each in shape if each[0] not in ("mark", "text", "tbody")]
            for shape in (page.shape, plain)
        ]
        assert kinds[0] == kinds[1], address
        assert not [
            value for _, found in page.elements for key, value in found.items() if key.startswith("on")
        ]
        assert all(
            link.startswith("/") and not link.startswith("//") for link in page.links if link != "#main"
        )
        shown = [*page.words, *(found.get("aria-label", "") for _, found in page.elements)]
        assert "\u202e" not in "".join(shown)
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("name", EVIL)
def test_a_name_adds_no_element_and_no_attribute(tmp_path, plain_shapes, name):
    _check(_site(tmp_path / "site", name), name, plain_shapes)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES)
def test_no_name_at_all_adds_an_element(tmp_path_factory, plain_shapes, name):
    _check(_site(tmp_path_factory.mktemp("any") / "site", name), name, plain_shapes)


@pytest.mark.parametrize("name", EVIL)
def test_the_links_of_a_name_lead_to_it(tmp_path, name):
    site = _site(tmp_path / "site", name)
    shown = f"/{escape(name)}/{escape(name)}"
    page = site.page("/find?type=f&every=1")
    assert shown in [query["path"] for query in page.queries("/versions")]
    link = next(link for link in page.links if link.startswith("/versions") and "neighbour" not in link)
    assert visible(escape(name)) in "".join(site.page(link).words)
    folder = next(link for link in page.links if link.startswith("/browse"))
    assert visible(escape(name)) in "".join(site.page(folder).words)


@given(st.lists(st.text(), min_size=1))
def test_no_cell_of_a_file_for_spreadsheets_begins_a_formula(cells):
    (back,) = csv.reader(io.StringIO(_csv_line(cells), newline="")) if any(cells) else [cells]
    for cell, written in zip(cells, back, strict=True):
        assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert written in (cell, f"'{cell}")


def test_the_file_for_spreadsheets_has_one_row_per_file_and_a_constant_name(tmp_path):
    rows = [directory("/d"), *(row(b"/d/" + name) for name in EVIL)]
    site = site_with(tmp_path, rows)
    answer = site.get("/find.csv?type=f")
    found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    expected = {visible(f"/d/{escape(name)}") for name in EVIL}
    assert {each["path"] for each in found} == expected
    assert len(found) == len(expected)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tidemark-found.csv"'
    assert answer.mimetype == "text/csv"
