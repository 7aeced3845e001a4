"""Entries that differ between two indexes, compared with a model: two dictionaries."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.crawl.trees import Row
from tests.index.building import directory, index_rows, row
from tidemark.index.format.entry import Entry
from tidemark.index.query.pairs import differing_pairs
from tidemark.index.storage.object_store import FileStore

PATHS = [f"/{top}/{name}" for top in "ab" for name in "xyz"] + ["/x", "/é"]
rows = st.dictionaries(
    st.sampled_from(PATHS),
    st.fixed_dictionaries(
        {
            "size": st.sampled_from([1, 2]),
            "uid": st.sampled_from([0, 7]),
            "mode": st.sampled_from([0o600, 0o644]),
            "mtime_us": st.sampled_from([10, 20]),
            "ctime_us": st.sampled_from([30, 40]),
            "inode": st.integers(1, 5),
            "nlink": st.sampled_from([1, 2]),
        }
    ),
)


def tree(files: dict[str, dict[str, int]]) -> list[Row]:
    return [directory("/a"), directory("/b"), *(row(path, **fields) for path, fields in files.items())]


def copied(fields: dict[str, int]) -> dict[str, int]:
    """Return what a copy has in common with its original."""
    return {name: value for name, value in fields.items() if name not in ("ctime_us", "inode")}


@settings(max_examples=40)
@given(rows, rows, st.sampled_from([2, 3, 1000]))
def test_every_difference_is_found_and_no_other(
    first: dict[str, dict[str, int]], second: dict[str, dict[str, int]], row_group_rows: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        stores = [FileStore(Path(name) / side) for side in ("first", "second")]
        made = [
            index_rows(store, Path(name), tree(files), row_group_rows=row_group_rows)
            for store, files in zip(stores, (first, second), strict=True)
        ]
        pairs = list(differing_pairs(stores[0], made[0], stores[1], made[1]))
    found = {
        (was or now).path: (state(was), state(now))  # type: ignore[union-attr]  # a pair has one
        for was, now in pairs
    }
    expected = {
        path: (expected_state(first.get(path)), expected_state(second.get(path)))
        for path in {*first, *second}
        if (copied(first[path]) if path in first else None)
        != (copied(second[path]) if path in second else None)
    }
    assert found == expected
    keys = [((was or now).parent, (was or now).name) for was, now in pairs]  # type: ignore[union-attr]
    assert keys == sorted(keys, key=lambda key: tuple(part.encode() for part in key))


def state(entry: Entry | None) -> tuple[int, ...] | None:
    return entry and (entry.size, entry.uid, entry.mode, entry.mtime_us, entry.ctime_us, entry.nlink)


def expected_state(fields: dict[str, int] | None) -> tuple[int, ...] | None:
    names = ("size", "uid", "mode", "mtime_us", "ctime_us", "nlink")
    return fields and tuple(fields[name] for name in names)


def test_a_directory_comes_before_what_it_contains(tmp_path: Path) -> None:
    stores = [FileStore(tmp_path / side) for side in ("first", "second")]
    first = index_rows(stores[0], tmp_path, [directory("/d"), directory("/d/e"), row("/d/e/f")])
    second = index_rows(stores[1], tmp_path, [row("/other")])
    pairs = [
        (was and was.path, now and now.path)
        for was, now in differing_pairs(stores[0], first, stores[1], second)
    ]
    assert pairs == [("/d", None), (None, "/other"), ("/d/e", None), ("/d/e/f", None)]


def test_the_link_of_a_symbolic_link_is_compared(tmp_path: Path) -> None:
    stores = [FileStore(tmp_path / side) for side in ("first", "second")]
    made = [
        index_rows(store, tmp_path, [row("/l", type="l", target=target)])
        for store, target in zip(stores, (b"here", b"there"), strict=True)
    ]
    ((was, now),) = differing_pairs(stores[0], made[0], stores[1], made[1])
    assert was is not None
    assert now is not None
    assert (was.target, now.target) == ("here", "there")
    assert dataclasses.replace(was, target=now.target) == now
