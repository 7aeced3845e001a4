"""Errors are shown with their next step, on pages and in parts of pages."""

from __future__ import annotations

import pytest

from tests.index.building import index_rows, row
from tests.web.sites import site_of, site_with
from tidemark.errors import AccessDenied
from tidemark.index.storage.object_store import FileStore

DENIED = "these credentials lack s3:ListBucket; ask for it"


class Denied(FileStore):
    def list_folders(self, prefix):
        raise AccessDenied(DENIED)


@pytest.mark.parametrize("address", ["/find", "/find?q=a", "/browse", "/changes", "/usage"])
def test_a_repository_that_may_not_be_read_is_reported_on_every_page(tmp_path, address):
    page = site_of(Denied(tmp_path)).page(address, 403)
    assert DENIED in "".join(page.words)


def test_a_repository_without_an_index_is_reported_with_the_command_that_creates_one(tmp_path):
    page = site_of(FileStore(tmp_path)).page("/find", 404)
    assert "tidemark index build" in "".join(page.words)


def test_a_part_of_a_page_shows_the_error_in_its_place(tmp_path):
    site = site_with(tmp_path, [row("/a.txt")])
    answer = site.get("/find/results?q=a&larger=huge", **{"HX-Request": "true"})
    assert answer.status_code == 400
    assert "<html" not in answer.text
    assert "is not a size" in answer.text


def test_a_damaged_index_is_left_out_and_named(tmp_path):
    site = site_with(tmp_path, [row("/a.txt")])
    newer = index_rows(site.store, tmp_path, [row("/b.txt")], number=2)
    site.store.put(newer.key, b"damaged")
    page = site.page("/find?q=txt")
    assert [query["path"] for query in page.queries("/versions")] == ["/a.txt"]
    assert "cannot be read and is left out" in "".join(page.words)
    assert newer.index_id in "".join(page.words)


def test_results_before_a_damaged_part_are_shown_with_the_error(tmp_path):
    (tmp_path / "repository").mkdir()
    store = FileStore(tmp_path / "repository")
    rows = [row(f"/{number:03}") for number in range(200)]
    index = index_rows(store, tmp_path, rows, part_rows=100, row_group_rows=10)
    (store._directory / index.identity.prefix / index.parts[1].file).unlink()
    page = site_of(store).page("/find?q=1&type=f")
    found = [query["path"] for query in page.queries("/versions")]
    assert found == [f"/{number:03}" for number in range(100) if "1" in f"{number:03}"]
    assert index.parts[1].file in "".join(page.words)


def test_a_defect_shows_no_traceback(tmp_path, monkeypatch, caplog):
    site = site_with(tmp_path, [row("/a.txt")])

    def broken(*_):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("tidemark.web.browse.listing_of", broken)
    page = site.page("/browse", 500)
    assert "a defect (unexpected" in "".join(page.words)
    assert "Traceback" not in page.text
    assert "Traceback" in caplog.text
