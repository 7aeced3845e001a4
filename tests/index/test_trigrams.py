from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.index.building import index_rows, row
from tidemark.errors import IndexDamaged
from tidemark.index.files.trigrams import Trigrams
from tidemark.index.query.search import search
from tidemark.index.storage.object_store import FileStore

LETTERS = st.sampled_from("abcAB\n") | st.sampled_from("éÉßı")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.text(LETTERS, min_size=1, max_size=8), unique=True, min_size=1, max_size=100),
    needle=st.text(LETTERS, min_size=1, max_size=5),
    block_rows=st.integers(1, 10),
    group=st.integers(1, 10),
)
def test_every_block_that_contains_the_needle_is_returned(tmp_path_factory, names, needle, block_rows, group):
    scratch = tmp_path_factory.mktemp("trigrams")
    store = FileStore(scratch / "repository")
    rows = [row(f"/{name}") for name in names]
    manifest = index_rows(store, scratch, rows, block_rows=block_rows, row_group_rows=group)
    trigrams = Trigrams(store, manifest, manifest.side_file("trigrams.bin"))

    blocks = trigrams.blocks_of([[needle]])

    in_order = sorted(name.encode() for name in names)
    holding = {number // block_rows for number, name in enumerate(in_order) if needle.encode() in name}
    if len(needle.encode()) < 3:
        assert blocks is None
    else:
        assert blocks is not None
        assert holding <= set(blocks)
        assert set(blocks) <= set(range(-(-len(names) // block_rows)))


def test_a_rare_needle_is_found_in_few_blocks(store, tmp_path, monkeypatch):
    monkeypatch.setattr("tidemark.index.files.trigrams._BUCKET_BYTES", 500)
    monkeypatch.setattr("tidemark.index.files.trigrams._SLAB_BYTES", 2000)
    chance = random.Random(1)  # noqa: S311 - names of a test
    names = ["".join(chance.choices("abcdefghijkl", k=12)) for _ in range(2000)]
    names[1234] = "needle in a haystack"
    names = sorted(set(names))
    manifest = index_rows(
        store, tmp_path, [row(f"/{name}") for name in names], block_rows=20, row_group_rows=100
    )
    trigrams = Trigrams(store, manifest, manifest.side_file("trigrams.bin"))

    assert trigrams.blocks_of([["haystack"]]) == [names.index("needle in a haystack") // 20]
    assert trigrams.blocks_of([["haystack"], ["NEEDLE"]]) == [names.index("needle in a haystack") // 20]
    assert trigrams.blocks_of([["haystick"]]) == []


def test_the_number_of_pairs_in_memory_does_not_change_the_file(store, tmp_path, monkeypatch):
    chance = random.Random(2)  # noqa: S311 - names of a test
    rows = [row("/" + "".join(chance.choices("abcdé", k=6))) for _ in range(300)]
    files = []
    for number, pairs in enumerate((50, 1 << 20)):
        monkeypatch.setattr("tidemark.index.files.trigrams._PAIRS_AT_ONCE", pairs)
        manifest = index_rows(store, tmp_path, rows, number=number, block_rows=10)
        files.append(store.get(manifest.identity.prefix + "trigrams.bin"))
    assert files[0] == files[1]


def test_a_name_in_all_blocks_is_found_in_all_blocks(store, tmp_path):
    rows = [row(f"/{number:02}/same") for number in range(64)]
    manifest = index_rows(store, tmp_path, rows, block_rows=1)
    trigrams = Trigrams(store, manifest, manifest.side_file("trigrams.bin"))

    assert trigrams.blocks_of([["same"]]) == list(range(64))
    assert trigrams.blocks_of([["aaa"]]) == []  # sorts before all that are there
    assert trigrams.blocks_of([["zzz"]]) == []


def test_a_file_with_an_unknown_layout_is_ignored(store, tmp_path, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr("tidemark.index.files.trigrams._MAGIC", b"TMTRIG01")
        manifest = index_rows(store, tmp_path, [row("/abcdef")])

    assert Trigrams(store, manifest, manifest.side_file("trigrams.bin")).blocks_of([["abcdef"]]) is None
    assert [entry.name for entry in search(store, manifest, "bcd")] == ["abcdef"]


@pytest.mark.parametrize("at", [0, 5, 30, -1, -20])
def test_a_damaged_file_is_named(store, tmp_path, at):
    manifest = index_rows(store, tmp_path, [row("/abcdef")])
    path = store._directory / manifest.identity.prefix / "trigrams.bin"
    body = bytearray(path.read_bytes())
    body[at] ^= 0xFF
    path.write_bytes(body)
    with pytest.raises(IndexDamaged, match=r"trigrams\.bin is damaged"):
        Trigrams(store, manifest, manifest.side_file("trigrams.bin")).blocks_of([["abcdef"]])
