"""The files of a drill: few, of every kind, within their limits, and the same for the same seed."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.index.building import directory, index_rows, row
from tidemark.index.storage.object_store import FileStore
from tidemark.restore.items import Limits
from tidemark.restore.sample import MOST_ENTRIES, sample_files

LIMITS = Limits(most_items=5)
PLENTY = 1 << 40


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "repository")


def sampled(store, manifest, count=8, seed=1, most_bytes=PLENTY):
    return sample_files(store, manifest, count, seed=seed, most_bytes=most_bytes, limits=LIMITS)


def test_each_kind_of_file_is_in_a_small_sample(store, tmp_path):
    common = [row(f"/a/{number:04}", size=100, mtime_us=10**15, uid=1000) for number in range(3_000)]
    rare = [
        row("/a/large", size=10**9, mtime_us=10**15, uid=1000),
        row("/a/empty", size=0, mtime_us=10**15, uid=1000),
        row("/a/old", size=100, mtime_us=1, uid=1000),
        row("/a/new", size=100, mtime_us=2 * 10**15, uid=1000),
        row("/a/ü", size=100, mtime_us=10**15, uid=1000),
        row("/a/of another", size=100, mtime_us=10**15, uid=7),
        row("/a/link", type="l", target=b"x", size=1, mtime_us=10**15, uid=1000),
    ]
    manifest = index_rows(store, tmp_path, [directory("/a"), *common, *rare])
    found = sampled(store, manifest, count=9)
    assert {"/a/large", "/a/empty", "/a/old", "/a/new", "/a/ü", "/a/link", "/a/of another"} <= {
        each.path for each in found
    }
    assert len(found) == 9
    assert sampled(store, manifest, count=9) == found
    assert sampled(store, manifest, count=9, seed=2) != found


def test_each_owner_has_a_file_before_one_has_many(store, tmp_path):
    rows = [row(f"/a/{number}", uid=max(0, number - 200)) for number in range(230)]
    manifest = index_rows(store, tmp_path, [directory("/a"), *rows])
    owners = {f"/a/{number}": max(0, number - 200) for number in range(230)}
    chosen = Counter(owners[each.path] for each in sampled(store, manifest, 200) if each.stratum == "owner")
    assert len(chosen) >= 25
    assert set(chosen.values()) == {1}


def test_names_that_cannot_be_requested_count_with_their_directories(store, tmp_path):
    rows = [
        directory("/few"),
        row(b"/few/\xff", size=10),
        row("/few/beside", size=20),
        directory("/many"),
        row(b"/many/\xff", size=1),
        *(row(f"/many/{number}", size=1) for number in range(MOST_ENTRIES)),
    ]
    manifest = index_rows(store, tmp_path, rows)
    by_name = {each.path for each in sampled(store, manifest, 300) if each.stratum == "name"}
    assert r"/few/\xff" in by_name
    assert r"/many/\xff" not in by_name
    within_30 = [each.path for each in sampled(store, manifest, 300, most_bytes=4 * 29)]
    assert r"/few/\xff" not in within_30, "its directory needs 30 bytes"


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 1000), max_size=60),
    count=st.integers(1, 30),
    most_bytes=st.integers(0, 5000),
    seed=st.integers(0, 2**64),
)
def test_a_sample_is_within_its_limits_and_as_large_as_possible(
    tmp_path_factory, sizes, count, most_bytes, seed
):
    tmp_path = tmp_path_factory.mktemp("sample")
    store = FileStore(tmp_path / "repository")
    by_path = {f"/{number}": size for number, size in enumerate(sizes)}
    manifest = index_rows(store, tmp_path, [row(path, size=size) for path, size in by_path.items()])
    found = sampled(store, manifest, count, seed, most_bytes)
    paths = [each.path for each in found]
    assert len(set(paths)) == len(paths) <= count
    assert set(paths) <= by_path.keys()
    used = sum(by_path[path] for path in paths)
    assert used <= most_bytes
    assert all(4 * by_path[path] <= most_bytes for path in paths)
    if len(paths) < count:  # nothing else would have fitted
        left = most_bytes - used
        missed = [size for path, size in by_path.items() if path not in paths and 4 * size <= most_bytes]
        assert all(size > left for size in missed)


def test_directories_sockets_and_an_empty_index_have_no_sample(store, tmp_path):
    manifest = index_rows(store, tmp_path, [directory("/a"), row("/a/s", type="s")])
    assert sampled(store, manifest) == []
    assert sampled(store, dataclasses.replace(manifest, parts=())) == []
