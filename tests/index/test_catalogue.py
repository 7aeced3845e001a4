from __future__ import annotations

import pytest

from tests.index.building import FILE_SYSTEM, index_rows, row
from tidemark.errors import IndexDamaged, IndexNotFound
from tidemark.index.catalogue import list_indexes, newest_index, open_index, read_manifest


def test_indexes_are_listed_oldest_first_and_found_by_id(store, tmp_path):
    made = [index_rows(store, tmp_path, [row("/a")], number=number) for number in (3, 1, 2)]
    in_order = [made[1], made[2], made[0]]

    assert list_indexes(store) == in_order
    assert list_indexes(store, FILE_SYSTEM) == in_order
    assert list_indexes(store, "fs-00000000") == []
    assert newest_index(store, FILE_SYSTEM) == made[0]
    assert [open_index(store, each.index_id) for each in made] == made
    assert read_manifest(store, made[0].identity) == made[0]


def test_an_index_without_a_manifest_does_not_exist(store, tmp_path):
    done = index_rows(store, tmp_path, [row("/a")], number=1)
    crashed = index_rows(store, tmp_path, [row("/a")], number=2)
    (store._directory / crashed.key).unlink()

    assert list_indexes(store) == [done]
    assert newest_index(store, FILE_SYSTEM) == done
    with pytest.raises(IndexNotFound, match=crashed.index_id):
        open_index(store, crashed.index_id)
    with pytest.raises(IndexNotFound):
        read_manifest(store, crashed.identity)


def test_a_repository_that_is_empty_has_no_index(store):
    assert list_indexes(store) == []
    with pytest.raises(IndexNotFound, match="no index of fs-1"):
        newest_index(store, "fs-1")
    for nonsense in ("", "x", "../../etc", "fs-1-2-3"):
        with pytest.raises(IndexNotFound):
            open_index(store, nonsense)


def test_an_index_that_was_moved_is_not_taken_for_another(store, tmp_path):
    made = index_rows(store, tmp_path, [row("/a")])
    elsewhere = made.key.replace("eu-central-1", "us-east-1")
    store.put(elsewhere, store.get(made.key))
    with pytest.raises(IndexDamaged, match="us-east-1"):
        list_indexes(store)
