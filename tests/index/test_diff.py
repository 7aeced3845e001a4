"""The reads of a comparison of two indexes, and its independence of their flags."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.index.building import directory, index_rows, row
from tidemark.index.files import changes
from tidemark.index.format.schema import Flags
from tidemark.index.query.diff import diff
from tidemark.index.reading.part_reader import ParquetReader
from tidemark.index.storage.object_store import FileStore

TREE = [
    *(directory(f"/{top}", inode=number + 1) for number, top in enumerate("abcdefgh")),
    *(row(f"/{top}/{number:03}") for top in "abcdefgh" for number in range(100)),
]
LATER = [
    row(f"/{top}/{number:03}", size=10 + (number == 50)) for top in "abcdefgh" for number in range(1, 100)
]


@pytest.fixture
def row_groups_read(monkeypatch) -> list[tuple[str, int]]:
    read: list[tuple[str, int]] = []
    usual = ParquetReader.read

    def counted(self: ParquetReader, row_group: int, *arguments: object, **options: object) -> pa.Table:
        read.append((self._described.file, row_group))
        return usual(self, row_group, *arguments, **options)

    monkeypatch.setattr(ParquetReader, "read", counted)
    return read


@pytest.mark.parametrize("written_against", [False, True])
def test_only_row_groups_that_can_contain_the_directory_are_read(
    tmp_path, monkeypatch, row_groups_read, written_against
):
    monkeypatch.setattr(changes, "_ROW_GROUP_ROWS", 4)
    store = FileStore(tmp_path / "repository")
    first = index_rows(store, tmp_path, TREE, number=1, row_group_rows=50, part_rows=150)
    if not written_against:
        index_rows(store, tmp_path, [row("/between")], number=2)
    second = index_rows(store, tmp_path, LATER, number=3, row_group_rows=40, part_rows=120)
    row_groups_read.clear()

    found = [(change.kind, change.entry.path) for change in diff(store, first, second, under="/c")]

    assert found == [("removed", "/c/000"), ("changed", "/c/050")]
    assert len(row_groups_read) <= (2 if written_against else 4 + 5)  # 100 and 99 rows, and the common ones
    row_groups_read.clear()
    assert list(diff(store, first, second, under="/nothing")) == []
    assert (
        len(row_groups_read) <= 2
    )  # between /h/ and /: the bounds of the group do not exclude the directory


@pytest.mark.parametrize("flags", [Flags(full_inodes=True), Flags(nanoseconds=True)])
def test_flags_alone_make_no_difference_between_indexes(tmp_path, flags):
    store = FileStore(tmp_path / "repository")
    first = index_rows(store, tmp_path, TREE, number=1, flags=flags)
    index_rows(store, tmp_path, [row("/between")], number=2)
    second = index_rows(store, tmp_path, TREE, number=3)

    assert list(diff(store, first, second)) == []
    assert list(diff(store, second, first)) == []


def test_without_common_entries_all_are_removed_and_all_are_added(tmp_path):
    store = FileStore(tmp_path / "repository")
    first = index_rows(store, tmp_path, [row(f"/{number:04}0") for number in range(500)], number=1)
    index_rows(store, tmp_path, [row("/between")], number=2)
    second = index_rows(store, tmp_path, [row(f"/{number:04}1") for number in range(500)], number=3)

    found = [(change.kind, change.entry.name) for change in diff(store, first, second)]

    assert found == [
        each for number in range(500) for each in (("removed", f"{number:04}0"), ("added", f"{number:04}1"))
    ]
