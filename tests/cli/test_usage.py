"""tidemark usage: where the bytes are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from PIL import Image

from tests.index.building import directory, index_rows, row

NOW = datetime(2026, 11, 22, tzinfo=UTC)
_DAY = 86_400_000_000
_NOW_US = int(NOW.timestamp()) * 1_000_000


@pytest.fixture
def at(repository, tmp_path, monkeypatch):
    monkeypatch.setattr("tidemark.cli.commands.usage.utc_now", lambda: NOW)
    rows = [
        directory("/a"),
        directory("/a/deep"),
        row("/a/deep/x.JPG", size=5_000_000, uid=1, mtime_us=_NOW_US - _DAY // 2),
        row("/a/y.jpg", size=1_000_000, uid=2, mtime_us=_NOW_US - 20 * _DAY),
        directory("/b\x1b[2J"),
        row("/b\x1b[2J/z.txt", size=2_000_000, uid=1, mtime_us=_NOW_US - 5000 * _DAY),
        directory("/empty"),
        row("/plain", size=3, uid=1, mtime_us=_NOW_US - 20 * _DAY),
    ]
    index = index_rows(repository, tmp_path, rows).index_id
    return index, "--repository", repository.url


def rows_of(result):
    assert result.code == 0, result.err
    return [(each["key"], each["files"], each["bytes"]) for each in result.document["rows"]]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("dir", [("a", 2, 6_000_000), ("b\x1b[2J", 1, 2_000_000), ("", 1, 3), ("empty", 0, 0)]),
        ("ext", [("jpg", 2, 6_000_000), ("txt", 1, 2_000_000), ("", 1, 3)]),
        ("owner", [("1", 3, 7_000_003), ("2", 1, 1_000_000)]),
        ("age", [("1 day", 1, 5_000_000), ("1 month", 2, 1_000_003), ("older", 1, 2_000_000)]),
    ],
)
def test_every_key_sums_up_to_the_whole(tidemark, at, by, expected):
    result = tidemark("usage", *at, "--by", by, "--json")
    assert rows_of(result) == expected
    document = result.document
    assert (document["files"], document["bytes"], document["more"]) == (4, 8_000_003, False)
    assert sum(each["bytes"] for each in document["rows"]) == document["bytes"]
    assert sum(each["files"] for each in document["rows"]) == document["files"]


@pytest.mark.parametrize("by", ["dir", "ext", "owner", "age"])
def test_below_a_directory_the_sums_are_its_own(tidemark, at, by):
    document = tidemark("usage", *at, "--under", "a/", "--by", by, "--json").document
    assert (document["under"], document["files"], document["bytes"]) == ("/a", 2, 6_000_000)
    assert sum(each["bytes"] for each in document["rows"]) == 6_000_000


def test_text_output_shows_bars_and_no_escapes(tidemark, at):
    result = tidemark("usage", *at)
    lines = result.out.splitlines()
    assert "\x1b" not in result.out
    assert lines[1].count("█") == 3 * lines[2].count("█")
    assert lines[2].endswith(r"b\x1b[2J/")
    assert lines[3].endswith("(files directly here)")
    assert lines[5].split() == ["8.0", "MB", "4", "total"]
    assert [line.split()[-1] for line in lines[8:12]] == [
        "/a/deep/x.JPG",
        r"/b\x1b[2J/z.txt",
        "/a/y.jpg",
        "/plain",
    ]
    assert [line.split()[-1] for line in lines[14:]][:3] == ["/a/deep/", r"/b\x1b[2J/", "/a/"]
    assert tidemark("usage", *at, "--by", "ext").out.splitlines()[1].endswith("  .jpg")
    assert tidemark("usage", *at, "--by", "age").out.splitlines()[1].endswith("younger than 1 day")


def test_a_limit_reports_that_there_is_more(tidemark, at):
    assert "The first 1 of 4" in tidemark("usage", *at, "--limit", "1").err
    assert tidemark("usage", *at, "--limit", "1", "--json").document["more"] is True


def test_an_empty_index_has_an_empty_summary(tidemark, repository, tmp_path):
    index = index_rows(repository, tmp_path, []).index_id
    for by in ("dir", "ext"):
        result = tidemark("usage", index, "--by", by, "--repository", repository.url, "--json")
        assert (rows_of(result), result.document["bytes"]) == ([], 0)


def test_invalid_summaries_are_refused(tidemark, at):
    assert tidemark("usage", *at, "--under", "/none").code == 18
    assert tidemark("usage", *at, "--under", "/plain").code == 18
    assert "\x1b" not in tidemark("usage", *at, "--under", "/\x1b[2J\n").err
    assert tidemark("usage", *at, "--by", "colour").code == 2
    assert tidemark("usage", "nonsense", *at[1:]).code == 17


def test_the_largest_files_and_directories(tidemark, at):
    document = tidemark("usage", *at, "--largest", "2", "--json").document
    assert document["largest_files"] == [
        {"path": "/a/deep/x.JPG", "path_base64": None, "bytes": 5_000_000},
        {"path": "/b\x1b[2J/z.txt", "path_base64": None, "bytes": 2_000_000},
    ]
    assert document["largest_directories"] == [
        {"path": "/a/deep", "path_base64": None, "files": 1, "bytes": 5_000_000},
        {"path": "/b\x1b[2J", "path_base64": None, "files": 1, "bytes": 2_000_000},
    ]
    document = tidemark("usage", *at, "--under", "/a", "--json").document
    assert [each["path"] for each in document["largest_files"]] == ["/a/deep/x.JPG", "/a/y.jpg"]
    assert [each["path"] for each in document["largest_directories"]] == ["/a/deep", "/a"]
    without = tidemark("usage", *at, "--largest", "0", "--json").document
    assert (without["largest_files"], without["largest_directories"]) == ([], [])


@pytest.mark.parametrize("by", ["dir", "ext", "owner", "age"])
def test_plot_writes_a_treemap(tidemark, at, tmp_path, by):
    path = tmp_path / "usage.png"
    result = tidemark("usage", *at, "--by", by, "--plot", str(path))
    assert result.code == 0
    assert f"✓ wrote {path}" in result.err
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (1600, 1000))
        assert len(picture.getcolors(1 << 20)) > 3


def test_a_plot_that_cannot_be_written_is_refused(tidemark, at, tmp_path):
    assert tidemark("usage", *at, "--plot", str(tmp_path / "usage.gif")).code == 2
    result = tidemark("usage", *at, "--plot", str(tmp_path / "nowhere" / "usage.png"))
    assert result.code == 10
    assert "No such file" in result.err


def test_an_empty_directory_has_an_empty_summary(tidemark, at):
    assert "no file below /empty" in tidemark("usage", *at, "--under", "/empty").err


def test_sizes_beyond_64_bits_are_summed_exactly_and_not_shown_as_hard_links(tidemark, repository, tmp_path):
    most = 2**63 - 1
    rows = [directory("/a"), *(row(f"/a/{number}.x", size=most) for number in range(2)), row("/b.x", size=5)]
    index = index_rows(repository, tmp_path, rows)
    at = ("--repository", repository.url)
    for by in ("dir", "ext", "owner", "age"):
        document = tidemark("usage", index.index_id, "--by", by, *at, "--json").document
        assert document["bytes"] == sum(each["bytes"] for each in document["rows"]) == 2 * most + 5
        assert document["index_bytes_each_name"] == document["index_bytes_once"] == 2 * most + 5
    assert document["largest_directories"][0]["bytes"] == 2 * most
    for command in (
        ("usage", index.index_id),
        ("ls", f"{index.index_id}:/"),
        ("index", "show", index.index_id),
    ):
        shown = tidemark(*command, *at)
        assert "18 EB" in shown.out
        assert "Hard-linked" not in shown.err
        assert "-" not in shown.out.replace(index.index_id, "").split("EB")[0][-4:]
    listed = tidemark("ls", f"{index.index_id}:/", *at, "--json").document["entries"]
    assert [each["subtree_bytes"] for each in listed] == [2 * most, None]
    assert tidemark("index", "list", *at, "--json").document["indexes"][0]["bytes"] == 2 * most + 5
    empty = index_rows(repository, tmp_path, [], number=2)
    totals = tidemark("diff", index.index_id, empty.index_id, *at, "--json").document["totals"]
    assert totals["bytes_removed"] == 2 * most + 5
