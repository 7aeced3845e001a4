"""Differences between sorted rows, compared with a plain computation in Python."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tidemark.index.format.schema import PART_SCHEMA
from tidemark.index.rows import merge_join
from tidemark.index.rows.compare import COMPARED, compare, cut

KEYS = st.dictionaries(
    st.tuples(st.sampled_from(["/", "/a/", "/b/"]), st.integers(0, 60).map("{:02}".format)),
    st.integers(0, 1),
    max_size=120,
)


def table(rows: dict[tuple[str, str], int]) -> pa.Table:
    paths = sorted(rows)
    usual = {"ext": None, "type": "f", "mtime": 0, "ctime": None, "uid": 1, "gid": 1, "mode": 1, "nlink": 1}
    columns = {
        "parent": pa.array([parent for parent, _ in paths], pa.string()).dictionary_encode(),
        "name": pa.array([name for _, name in paths], pa.string()),
        "size": pa.array([rows[key] for key in paths], pa.int64()),
        "inode": pa.nulls(len(paths), pa.int64()),
        "target": pa.nulls(len(paths), pa.string()),
    }
    columns |= {
        name: pa.array([value] * len(paths), PART_SCHEMA.field(name).type) for name, value in usual.items()
    }
    return pa.table(columns)


def with_column(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, values)


def expected(old: dict[tuple[str, str], int], new: dict[tuple[str, str], int]) -> list[tuple]:
    found = []
    for key in sorted(old | new):
        if key not in old:
            found.append(("A", *key, new[key]))
        elif key not in new:
            found.append(("D", *key, old[key]))
        elif old[key] != new[key]:
            found += [("B", *key, old[key]), ("M", *key, new[key])]
    return found


def shown(changes: pa.Table) -> list[tuple]:
    return [
        tuple(row[name] for name in ("op", "parent", "name", "size"))
        for row in changes.select(["op", "parent", "name", "size"]).to_pylist()
    ]


@settings(max_examples=80, deadline=None)
@given(
    old=KEYS,
    changes=KEYS,
    gone=st.sets(st.integers(0, 119), max_size=4),
    sparse=st.booleans(),
    step=st.integers(1, 9),
)
def test_all_ways_to_compare_rows_give_the_same_result(old, changes, gone, sparse, step):
    kept = {key: size for number, (key, size) in enumerate(sorted(old.items())) if number not in gone}
    new = {**kept, **changes} if sparse else changes
    if not old or not new:
        return
    for run in (10**9, 1):  # by number from the first difference on; always in order
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(merge_join, "_RUN", run)
            patch.setattr(merge_join, "_STEP", step)
            found = compare(table(old), table(new), before=True)
            without = compare(table(old), table(new))
        assert shown(found) == expected(old, new)
        assert shown(without) == [row for row in expected(old, new) if row[0] != "B"]
        parents = found.column("parent").combine_chunks().dictionary.to_pylist()
        assert parents == sorted(parents)


@settings(max_examples=80, deadline=None)
@given(old=KEYS, new=KEYS, old_rows=st.integers(1, 50), new_rows=st.integers(1, 50))
def test_the_division_of_rows_into_tables_does_not_matter(old, new, old_rows, new_rows):
    was, now = ([each.slice(at, size) for at in range(0, len(each), size)] for each, size in (
        (table(old), old_rows), (table(new), new_rows)
    ))  # fmt: skip
    found = []
    first, second = (was.pop(0) if was else None), (now.pop(0) if now else None)
    while first is not None or second is not None:
        was_piece, now_piece, first, second = cut(first, second)
        found += shown(compare(was_piece, now_piece, before=True))
        first = first if first is not None else was.pop(0) if was else None
        second = second if second is not None else now.pop(0) if now else None
    assert found == expected(old, new)


NAMES = st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=12, unique=True)


@settings(deadline=None)
@example(old=(["a", "bb"], ["a"]), new=(["ab", "b"], ["a"]))
@example(old=(["a"], ["b"]), new=(["a", "b"], ["c"]))
@given(old=st.tuples(NAMES, NAMES), new=st.tuples(NAMES, NAMES))
def test_names_that_are_equal_only_when_joined_are_different(old, new):
    was, now = (
        {(parent, name): 0 for parent, names in zip(("/", "/d/"), each, strict=True) for name in names}
        for each in (old, new)
    )
    assert shown(compare(table(was), table(now))) == expected(was, now)


@pytest.mark.parametrize("column", COMPARED)
@pytest.mark.parametrize("null", [False, True])
def test_a_row_that_differs_in_one_column_only_is_modified(column, null):
    rows = table({("/", f"{number:03}"): 0 for number in range(100)})
    rows = with_column(rows, "nlink", pa.array([2] * 100, pa.int32()))
    kind = PART_SCHEMA.field(column).type
    one, other = ("f", "d") if kind == pa.string() else (2, 3)
    was = with_column(rows, column, pa.array([one] * 100, kind))
    differing = None if null and PART_SCHEMA.field(column).nullable else other
    now = with_column(rows, column, pa.array([one] * 50 + [differing] + [one] * 49, kind))

    assert [row[:3] for row in shown(compare(was, now))] == [("M", "/", "050")]
    assert [row[:3] for row in shown(compare(now, was.slice(1)))] == [("D", "/", "000"), ("M", "/", "050")]
    assert not len(compare(now, now))


def test_inodes_of_files_with_one_name_are_neither_compared_nor_reported():
    rows = table({("/", "a"): 0, ("/", "b"): 1})
    whole = with_column(rows, "inode", pa.array([7, 8], pa.int64()))
    other = with_column(whole, "size", pa.array([0, 2], pa.int64()))
    assert not len(compare(rows, whole))
    assert not len(compare(whole, rows))
    assert compare(rows, other).column("inode").to_pylist() == [None]


def test_types_may_be_dictionaries_on_either_side():
    rows = table({("/", "a"): 0, ("/", "b"): 1})
    other = with_column(rows, "type", pa.array(["d", "f"]).dictionary_encode())
    for was, now in ((rows, other), (other, rows)):
        changes = compare(was, now)
        assert shown(changes) == [("M", "/", "a", 0)]
        assert changes.column("type").type == pa.string()


def test_the_extension_follows_from_name_and_type():
    rows = table({("/", "a.TXT"): 0})
    assert compare(rows, None).column("ext").to_pylist() == ["txt"]
    assert compare(None, rows).column("op").to_pylist() == ["A"]
