"""Comparing sorted rows, in order where most are the same and by number where few are."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemark.index import compare as comparing
from tidemark.index.compare import compare
from tidemark.index.schema import PART_SCHEMA

KEYS = st.dictionaries(
    st.tuples(st.sampled_from(["/", "/a/", "/b/"]), st.integers(0, 60).map("{:02}".format)),
    st.integers(0, 1),
    max_size=120,
)


def table(rows: dict[tuple[str, str], int]) -> pa.Table:
    keys = sorted(rows)
    usual = {"ext": None, "type": "f", "mtime": 0, "ctime": None, "uid": 1, "gid": 1, "mode": 1, "nlink": 1}
    columns = {
        "parent": pa.array([parent for parent, _ in keys], pa.string()).dictionary_encode(),
        "name": pa.array([name for _, name in keys], pa.string()),
        "size": pa.array([rows[key] for key in keys], pa.int64()),
        "inode": pa.nulls(len(keys), pa.int64()),
        "target": pa.nulls(len(keys), pa.string()),
    }
    columns |= {
        name: pa.array([value] * len(keys), PART_SCHEMA.field(name).type) for name, value in usual.items()
    }
    return pa.table(columns)


@settings(max_examples=80, deadline=None)
@given(
    old=KEYS,
    changes=KEYS,
    gone=st.sets(st.integers(0, 119), max_size=4),
    sparse=st.booleans(),
    step=st.integers(1, 9),
)
def test_the_same_whichever_way_rows_are_compared(old, changes, gone, sparse, step):
    kept = {key: size for number, (key, size) in enumerate(sorted(old.items())) if number not in gone}
    new = {**kept, **changes} if sparse else changes
    if not old or not new:
        return
    expected = []
    for key in sorted(old | new):
        if key not in old:
            expected.append(("A", *key, new[key]))
        elif key not in new:
            expected.append(("D", *key, old[key]))
        elif old[key] != new[key]:
            expected += [("B", *key, old[key]), ("M", *key, new[key])]
    for run in (10**9, 0):  # by number from the first difference on; always in order
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(comparing, "_RUN", run)
            patch.setattr(comparing, "_STEP", step)
            found = compare([table(old)], [table(new)], before=True)
            without = compare([table(old)], [table(new)])
        columns = ("op", "parent", "name", "size")
        assert [tuple(row[name] for name in columns) for row in found.to_pylist()] == expected
        assert [row["op"] for row in without.to_pylist()] == [op for op, *_ in expected if op != "B"]
