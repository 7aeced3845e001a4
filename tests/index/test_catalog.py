from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from tests.index.building import FILE_SYSTEM, identity_of, index_rows, row
from tidemark.errors import IndexDamaged, IndexNotFound
from tidemark.index.storage.catalog import (
    index_before,
    list_indexes,
    newest_index,
    newest_indexes,
    open_index,
    read_manifest,
)


def test_indexes_are_listed_oldest_first_and_found_by_id(store, tmp_path):
    made = [index_rows(store, tmp_path, [row("/a")], number=number) for number in (3, 1, 2)]
    in_order = [made[1], made[2], made[0]]

    assert list_indexes(store) == in_order
    assert list_indexes(store, FILE_SYSTEM) == in_order
    assert list_indexes(store, "fs-00000000") == []
    assert newest_index(store, FILE_SYSTEM) == made[0]
    assert [open_index(store, each.index_id) for each in made] == made
    assert read_manifest(store, made[0].identity) == made[0]


def test_the_newest_the_previous_and_the_last_listed_index_follow_one_order(store, tmp_path):
    # Two concurrent builds of one directory: the crawl of the first id starts later.
    template = index_rows(store, tmp_path, [row("/a")], number=0)
    first = _published_again(store, template, number=1, crawled_on=9)
    second = _published_again(store, template, number=2, crawled_on=8)

    assert list_indexes(store) == [template, first, second]
    assert newest_index(store, FILE_SYSTEM) == second
    assert newest_indexes(store) == [second]
    assert index_before(store, identity_of(3)) == second
    assert index_before(store, second.identity) == first


def test_indexes_of_several_file_systems_are_listed_by_their_crawls(store, tmp_path):
    template = index_rows(store, tmp_path, [row("/a")], number=0)
    late = _published_again(store, template, number=1, crawled_on=9)
    early = _published_again(store, template, number=2, crawled_on=8, file_system_id="fs-00000001")

    assert list_indexes(store) == [template, early, late]
    assert newest_indexes(store) == [early, late]


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


def test_an_empty_repository_has_no_index(store):
    assert list_indexes(store) == []
    with pytest.raises(IndexNotFound, match="no index of fs-1"):
        newest_index(store, "fs-1")
    for nonsense in ("", "x", "../../etc", "fs-1-2-3"):
        with pytest.raises(IndexNotFound):
            open_index(store, nonsense)


def test_an_index_that_was_moved_is_refused(store, tmp_path):
    made = index_rows(store, tmp_path, [row("/a")])
    elsewhere = made.key.replace("eu-central-1", "us-east-1")
    store.put(elsewhere, store.get(made.key))
    with pytest.raises(IndexDamaged, match="us-east-1"):
        list_indexes(store)


def _published_again(store, template, *, number, crawled_on, file_system_id=FILE_SYSTEM):
    """Publish an index's manifest as that of another one, whose crawl began on a day of November."""
    identity = dataclasses.replace(
        identity_of(number),
        file_system_id=file_system_id,
        index_id=identity_of(number).index_id.replace(FILE_SYSTEM, file_system_id),
    )
    began = datetime(2026, 11, crawled_on, tzinfo=UTC)
    manifest = dataclasses.replace(template, identity=identity, crawl_started_at=began)
    store.put(manifest.key, manifest.to_json())
    return manifest
