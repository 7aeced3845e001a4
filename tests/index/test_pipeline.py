from __future__ import annotations

import hashlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crawl.conftest import pitfalls  # noqa: F401 - a fixture
from tests.crawl.trees import Row, found_by_find
from tests.index.building import RowsCrawl, directory, index_crawl, index_rows, row
from tidemark.crawl.batch import Problem
from tidemark.crawl.crawler import CrawlOptions
from tidemark.crawl.python_crawler import PythonCrawl
from tidemark.errors import IndexingFailed
from tidemark.escape import unescape
from tidemark.index.format.schema import PART_SCHEMA
from tidemark.index.reading.thrift import read_struct
from tidemark.index.storage.catalog import list_indexes
from tidemark.index.storage.object_store import FileStore

INT64 = st.integers(-(2**63), 2**63 - 1)
NAMES = (
    st.binary(min_size=1, max_size=12)
    .map(lambda raw: raw.translate(None, b"\0/") or b"x")
    .filter(lambda name: name not in (b".", b".."))
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: b"/" + b"/".join(names))


@st.composite
def rows_strategy(draw) -> list[Row]:
    paths = draw(st.lists(PATHS, unique=True, max_size=20))
    return [
        row(
            path,
            type=(kind := draw(st.sampled_from("fdlpscb"))),
            mode=draw(st.integers(0, 0o7777)),
            nlink=draw(st.integers(1, 2**31 - 1)),
            uid=draw(st.integers(0, 2**32 - 1)),
            gid=draw(st.integers(0, 2**32 - 1)),
            size=draw(INT64),
            inode=draw(st.integers(0, 2**63 - 1)),
            mtime_us=draw(INT64),
            ctime_us=draw(INT64),
            target=draw(NAMES) if kind == "l" else b"",
        )
        for path in paths
    ]


def read_rows(store: FileStore, manifest) -> list[Row]:
    """Read an index with pyarrow alone, as the format document describes."""
    rows = []
    for part in manifest.parts:
        body = store.get(manifest.identity.prefix + part.file)
        assert hashlib.sha256(body).hexdigest() == part.sha256
        assert len(body) == part.bytes
        table = pq.read_table(__import__("io").BytesIO(body))
        for name in ("mtime", "ctime"):
            place = table.column_names.index(name)
            table = table.set_column(place, name, table.column(name).cast("int64"))
        rows += [_row(values) for values in table.to_pylist()]
    return rows


def _row(values: dict) -> Row:
    parent = values["parent_raw"] if values["parent_raw"] is not None else unescape(values["parent"])
    name = values["name_raw"] if values["name_raw"] is not None else unescape(values["name"])
    target = values["target_raw"] if values["target_raw"] is not None else unescape(values["target"] or "")
    return Row(
        path=parent + name,
        type=values["type"],
        mode=values["mode"],
        nlink=values["nlink"],
        uid=values["uid"],
        gid=values["gid"],
        size=values["size"],
        inode=values["inode"] if values["inode"] is not None else 0,
        mtime_us=values["mtime"],
        ctime_us=values["mtime"] if values["ctime"] is None else values["ctime"],
        target=target,
    )


def shown(expected: list[Row]) -> list[Row]:
    """Return rows as an index stores them: no inode for entries with one name."""
    return sorted(each._replace(inode=each.inode if each.nlink > 1 else 0) for each in expected)


@pytest.mark.parametrize("run_rows", [100, 1 << 19])
def test_an_index_of_a_tree_equals_find_on_every_field(store, tmp_path, pitfalls, run_rows):  # noqa: F811
    crawl = PythonCrawl(bytes(pitfalls), CrawlOptions(batch_rows=64, threads=4))

    manifest = index_crawl(store, tmp_path, crawl, run_rows=run_rows, part_rows=1000, row_group_rows=256)

    expected = found_by_find(pitfalls)
    assert sorted(read_rows(store, manifest)) == shown(expected)
    totals = manifest.totals
    assert totals.entries == len(expected)
    assert totals.files == sum(each.type == "f" for each in expected)
    assert totals.directories == sum(each.type == "d" for each in expected)
    assert totals.others == totals.entries - totals.files - totals.directories
    assert totals.bytes == sum({each.inode: each.size for each in expected if each.type == "f"}.values())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=rows_strategy(),
    batch_rows=st.integers(1, 8),
    run_rows=st.integers(1, 8),
    part_rows=st.integers(1, 8),
    row_group_rows=st.integers(1, 4),
)
def test_reading_returns_the_written_rows(
    tmp_path_factory, rows, batch_rows, run_rows, part_rows, row_group_rows
):
    scratch = tmp_path_factory.mktemp("identity")
    store = FileStore(scratch / "repository")

    manifest = index_rows(
        store,
        scratch,
        rows,
        batch_rows=batch_rows,
        run_rows=run_rows,
        part_rows=part_rows,
        row_group_rows=row_group_rows,
    )

    assert sorted(read_rows(store, manifest)) == shown(rows)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_strategy(), run_rows=st.integers(1, 8))
def test_rows_are_sorted_and_the_manifest_gives_the_bounds_of_parts(tmp_path_factory, rows, run_rows):
    scratch = tmp_path_factory.mktemp("order")
    store = FileStore(scratch / "repository")

    manifest = index_rows(
        store, scratch, rows, run_rows=run_rows, batch_rows=3, part_rows=4, row_group_rows=2
    )

    keys = []
    for part in manifest.parts:
        table = pq.read_table(store._directory / manifest.identity.prefix / part.file)
        of_part = list(zip(table["parent"].to_pylist(), table["name"].to_pylist(), strict=True))
        assert (part.first.parent, part.first.name) == of_part[0]
        assert (part.last.parent, part.last.name) == of_part[-1]
        assert (part.size_min, part.size_max) == (
            min(table["size"].to_pylist()),
            max(table["size"].to_pylist()),
        )
        times = table["mtime"].cast("int64").to_pylist()
        assert (part.mtime_us_min, part.mtime_us_max) == (min(times), max(times))
        keys += of_part
    assert [(parent.encode(), name.encode()) for parent, name in keys] == sorted(
        (parent.encode(), name.encode()) for parent, name in keys
    )


@pytest.mark.parametrize("run_rows", [2, 1000])
def test_a_name_that_is_listed_twice_is_one_row(store, tmp_path, run_rows):
    rows = [row("/a/1"), row("/a/2"), row("/a/1"), row("/b/1"), row("/a/1")]

    manifest = index_rows(store, tmp_path, rows, batch_rows=1, run_rows=run_rows)

    assert [each.path for each in read_rows(store, manifest)] == [b"/a/1", b"/a/2", b"/b/1"]


@pytest.mark.parametrize(
    ("name", "ext"),
    [
        ("report.XLSX", "xlsx"),
        ("a.tar.gz", "gz"),
        (".bashrc", None),
        (".config.json", "json"),
        ("README", None),
        ("ends.", None),
        ("a.b", "b"),
        ("straße.ÄÖ", "äö"),
        ("new\nline.t\nt", "t\nt"),
        ("x." + "e" * 16, "e" * 16),
        ("x." + "e" * 17, None),
        ("..", None),
        ("...", None),
        ("a..b", "b"),
    ],
)
def test_extensions_follow_the_format_document(store, tmp_path, name, ext):
    manifest = index_rows(store, tmp_path, [row(f"/{name}"), directory("/d.ext")])
    table = pq.read_table(store._directory / manifest.identity.prefix / "part-00000.parquet")
    found = dict(zip(table["name"].to_pylist(), table["ext"].to_pylist(), strict=True))
    assert found == {name: ext, "d.ext": None}


def test_other_readers_read_the_same_rows(store, tmp_path):
    rows = [
        row(b"/dir \xff/\xfe.txt", size=2**63 - 1, mtime_us=-1),
        row("/link", type="l", target=b"somewhere \xff"),
        row("/plain", ctime_us=1, nlink=3, inode=99),
    ]
    manifest = index_rows(store, tmp_path, rows)
    path = str(store._directory / manifest.identity.prefix / "part-00000.parquet")

    ours = pq.read_table(path)
    polars_rows = polars.read_parquet(path).to_arrow().cast(ours.schema).to_pylist()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        duck = connection.execute(
            f"SELECT {', '.join(PART_SCHEMA.names)} FROM read_parquet(?)".replace(  # noqa: S608 - our own names
                "mtime, ctime", "epoch_us(mtime) AS mtime, epoch_us(ctime) AS ctime"
            ),
            [path],
        )
        names = [column[0] for column in duck.description]
        duck_rows = [dict(zip(names, values, strict=True)) for values in duck.fetchall()]

    assert ours.schema.names == PART_SCHEMA.names
    assert [field.type for field in ours.schema] == [field.type for field in PART_SCHEMA]
    assert polars_rows == ours.to_pylist()
    for name in ("mtime", "ctime"):
        ours = ours.set_column(ours.column_names.index(name), name, ours.column(name).cast("int64"))
    assert duck_rows == ours.to_pylist()


def test_raw_bytes_are_stored_only_for_names_that_are_not_utf_8(store, tmp_path):
    names = [b"plain", b"\xff", b"a\\xff", "é".encode(), *(b"n%d" % number for number in range(100))]
    rows = [row(b"/d/" + name, type="l", target=name) for name in names] + [row(b"/\xfe/x")]
    manifest = index_rows(store, tmp_path, rows)
    table = pq.read_table(store._directory / manifest.identity.prefix / "part-00000.parquet")
    found = {
        (each["parent"], each["name"]): (each["parent_raw"], each["name_raw"], each["target_raw"])
        for each in table.select(["parent", "name", "parent_raw", "name_raw", "target_raw"]).to_pylist()
    }
    assert {key: raws for key, raws in found.items() if any(raws)} == {
        ("/d/", r"\xff"): (None, b"\xff", b"\xff"),
        (r"/\xfe/", "x"): (b"/\xfe/", None, None),
    }
    assert ("/d/", r"a\x5cxff") in found
    assert len(found) == len(rows)


def test_problems_are_counted_by_kind(store, tmp_path):
    problems = [
        Problem(path=b"/a/", operation="open", errno=13, kind="unreadable"),
        Problem(path=b"/b", operation="stat", errno=2, kind="vanished"),
        Problem(path=b"/c", operation="stat", errno=2, kind="vanished"),
        Problem(path=b"/", operation="list", errno=0, kind="changed"),
    ]
    totals = index_crawl(store, tmp_path, RowsCrawl([], problems)).totals
    assert (totals.unreadable, totals.vanished, totals.changed) == (1, 2, 1)


def test_an_empty_file_system_has_an_index_without_parts(store, tmp_path):
    manifest = index_rows(store, tmp_path, [])
    assert manifest.parts == ()
    assert list_indexes(store) == [manifest]


def test_the_manifest_is_written_last_and_not_at_all_after_a_refusal(store, tmp_path):
    class NoError(Exception):
        pass

    def refuse() -> None:
        assert list_indexes(store) == []
        raise NoError

    from tidemark.index.build.pipeline import build_index
    from tidemark.index.format.manifest import IndexIdentity

    identity = IndexIdentity(account="1", region="r", file_system_id="fs-1", index_id="fs-1-x-y")
    with pytest.raises(NoError):
        build_index(
            RowsCrawl([row("/a")]),
            store,
            identity,
            scratch=tmp_path,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            worker="test",
            may_complete=refuse,
        )
    assert list_indexes(store) == []
    assert [path.name for path in Path(tmp_path).iterdir()] == ["repository"]  # no scratch files remain


def test_an_index_is_never_overwritten(store, tmp_path):
    index_rows(store, tmp_path, [row("/a")])
    with pytest.raises(IndexingFailed, match="exists already"):
        index_rows(store, tmp_path, [row("/b")])


def test_a_manifest_whose_response_was_lost_is_complete(store, tmp_path, monkeypatch):
    put = store.put

    def put_twice(key, body, *, only_if_absent=False):
        put(key, body, only_if_absent=only_if_absent)
        if only_if_absent:
            put(key, body, only_if_absent=True)  # as the SDK does when the first response is lost

    monkeypatch.setattr(store, "put", put_twice)
    manifest = index_rows(store, tmp_path, [row("/a")])
    assert list_indexes(store) == [manifest]


def test_an_index_names_the_previous_one(store, tmp_path):
    first = index_rows(store, tmp_path, [row("/a")], number=1)
    second = index_rows(store, tmp_path, [row("/a")], number=2)
    assert first.previous_index_id is None
    assert second.previous_index_id == first.index_id


def test_the_manifest_is_plain_json_with_the_documented_names(store, tmp_path):
    manifest = index_rows(store, tmp_path, [row("/a")])
    content = json.loads(store.get(manifest.key))
    assert content["format"] == "tidemark-index"
    assert content["format_version"] == 1
    assert content["totals"]["files"] == 1
    assert content["parts"][0]["first"] == {"parent": "/", "name": "a"}


def test_the_manifest_contains_the_position_of_the_offset_indexes(store, tmp_path):
    rows = [row(f"/{number % 7}/{number:05}") for number in range(5000)]
    manifest = index_rows(store, tmp_path, rows, part_rows=4000, row_group_rows=2000)
    files = [file for file in (*manifest.parts, *manifest.side_files) if file.file.endswith(".parquet")]
    for file in files:
        body = store.get(manifest.identity.prefix + file.file)
        index = body[file.page_index_offset : file.footer_offset]
        assert hashlib.sha256(index).hexdigest() == file.page_index_sha256
        metadata = pq.read_metadata(io.BytesIO(body))
        chunks = [
            metadata.row_group(group).column(column)
            for group in range(metadata.num_row_groups)
            for column in range(metadata.num_columns)
        ]
        # The range contains the offset indexes and nothing else, up to the footer.
        footer = read_struct(body[file.footer_offset :])
        places = sorted(
            (chunk[4][1], chunk[4][1] + chunk[5][1])  # OffsetIndex: its offset and length, in parquet.thrift
            for group in footer[4][1][1]
            for chunk in group[1][1][1]
        )
        assert [start for start, _ in places] + [file.footer_offset] == [
            file.page_index_offset,
            *(end for _, end in places),
        ]
        assert all(chunk.has_offset_index and chunk.has_column_index for chunk in chunks)
    assert manifest.side_file("trigrams.bin").page_index_offset is None
