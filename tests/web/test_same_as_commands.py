"""Each page shows what the command below it prints."""

from __future__ import annotations

import shlex

import pytest

from tests.cli.conftest import tidemark as tidemark
from tests.index.building import FILE_SYSTEM, directory, row
from tests.web.sites import Site, site_with

GIGABYTE = 1_000_000_000


@pytest.fixture
def site(tmp_path) -> Site:
    day = 86_400_000_000
    now = 1_790_000_000_000_000
    before = [
        directory("/home"),
        directory("/home/ada"),
        row("/home/ada/Thesis.pdf", size=3_000_000, mtime_us=now - 400 * day),
        row("/home/ada/thesis.tex", size=20_000, mtime_us=now - 30 * day),
        row("/home/ada/-rf *", size=10),
        row("/home/ada/it's", size=10),
        directory("/logs"),
        *(row(f"/logs/{number:04}.log", size=number) for number in range(250)),
    ]
    after = [
        directory("/home"),
        directory("/home/ada"),
        row("/home/ada/thesis.tex", size=21_000, mtime_us=now),
        row("/home/ada/-rf *", size=10),
        row("/home/ada/it's", size=10),
        row("/home/ada/new.bin", size=GIGABYTE, uid=7),
        directory("/logs"),
        *(row(f"/logs/{number:04}.log", size=number) for number in range(250)),
    ]
    return site_with(tmp_path, before, after)


def run(tidemark, page, *options):
    words = shlex.split(page.command)
    assert words[0] == "tidemark"
    result = tidemark(*words[1:], *options)
    assert result.code == 0, result.err
    return result


@pytest.mark.parametrize(
    "query",
    [
        "q=thesis",
        "q=thesis&case=1",
        "q=thesis&every=1",
        "q=*.log&larger=100",
        "q=-rf",
        "q=it%27s",
        "q=/home/ada/th&every=1",
        "ext=pdf&every=1",
        "type=f&under=/home&smaller=1M",
        "owner=7",
        "q=thesis&newer=2026-09-01&older=2026-12-01",
        f"q=log&file_system={FILE_SYSTEM}&larger=240",
    ],
)
def test_find_lists_what_search_prints(tidemark, site, query):
    page = site.page(f"/find?{query}")
    entries = run(tidemark, page, "--json").lines
    printed = [entry["path"] for entry in entries if entry["type"] != "d"]
    listed = [link["path"] for link in page.queries("/versions")]
    assert listed == printed[:100]
    assert printed


def test_find_in_all_backups_shows_what_is_gone(site):
    page = site.page("/find?q=thesis.pdf&every=1")
    assert page.cells("held") == ["last in 2026-11-02 00:00 1 backup"]
    assert "Search all backups" in "".join(site.page("/find?q=thesis.pdf").words)


def test_browse_lists_what_ls_prints(tidemark, site):
    for query in ("path=/home/ada&sort=size", "path=/home/ada", "path=/", "path=/logs&sort=mtime"):
        page = site.page(f"/browse?{query}")
        printed = run(tidemark, page, "--json").document["entries"]
        listed = [each.removesuffix("/") for each in page.cells("name")]
        assert listed == [entry["path"].rpartition("/")[2] for entry in printed][:200]


def test_the_next_page_of_a_directory_continues_where_the_first_ends(site):
    first = site.page("/browse?path=/logs")
    (following,) = [link for link in first.links if "after=" in link]
    names = first.cells("name") + site.page(following).cells("name")
    assert names == [f"{number:04}.log" for number in range(250)]


def test_the_slider_leads_to_an_earlier_backup_and_to_a_shareable_address(site):
    newest = site.page("/browse?path=/home/ada")
    assert "Thesis.pdf" not in newest.cells("name")
    part = site.get("/browse?path=/home/ada&place=0", **{"HX-Request": "true"})
    assert "Thesis.pdf" in part.text
    address = part.headers["HX-Replace-Url"]
    assert "place" not in address
    assert "Thesis.pdf" in site.page(address).cells("name")


def test_a_directory_that_did_not_exist_then_is_reported_and_the_slider_stays(site):
    answer = site.get("/browse?path=/later&place=0")
    assert answer.status_code == 404
    assert 'type="range"' in answer.text


def test_versions_shows_what_history_prints(tidemark, site):
    page = site.page(f"/versions?file_system={FILE_SYSTEM}&path=/home/ada/Thesis.pdf")
    printed = run(tidemark, page, "--json").document["versions"]
    tags = list(page.cells("tag"))
    assert tags == [version["what"] for version in reversed(printed)] == ["vanished", "appeared"]


def test_changes_shows_what_diff_prints(tidemark, site):
    page = site.page("/changes")
    totals = run(tidemark, page, "--json").document["totals"]
    figures = "".join(page.cells("figures"))
    for name in ("added", "changed", "removed", "renamed"):
        assert f"{totals[name]} {name}" in figures
    assert page.queries("/changes")  # a branch to follow
    below = site.page("/changes?path=/home/ada")
    kinds = {change["path"]: change["kind"] for change in run(tidemark, below, "--json").document["changes"]}
    named = dict(zip(below.cells("name"), _kinds(below), strict=True))
    assert {f"/home/ada/{name}": kind for name, kind in named.items()} == kinds


def _kinds(page) -> list[str]:
    return list(page.cells("tag"))[-len(page.cells("name")) :]


@pytest.mark.parametrize("by", ["dir", "ext", "owner", "age"])
def test_where_the_bytes_are_shows_what_usage_prints(tidemark, site, by):
    page = site.page(f"/usage?by={by}&path=/home")
    document = run(tidemark, page, "--json").document
    assert document["under"] == "/home"
    names = page.cells("name")[: len(document["rows"])]
    keys = [row["key"] for row in document["rows"]]
    assert len(names) == len(keys)
    for name, key in zip(names, keys, strict=True):
        assert key in name


def test_a_page_without_a_deployment_offers_no_page_about_one(site):
    page = site.page("/find")
    assert "/protected" not in page.links
    assert "/restore" not in page.links
    assert "--repository" in "".join(site.page("/protected", 400).words)


def test_a_malformed_field_is_reported_with_its_name(site):
    answer = site.page("/find?q=a&larger=huge", 400)
    assert "--size" in "".join(answer.words)
    assert "is not a size" in "".join(answer.words)
