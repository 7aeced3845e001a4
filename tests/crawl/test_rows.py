from __future__ import annotations

import os
from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tidemark.crawl.batch import BytesColumn
from tidemark.crawl.rows import Rows

NAMES = st.binary(min_size=1, max_size=8).filter(lambda name: b"\0" not in name)


def strings(column: BytesColumn) -> list[bytes]:
    data = bytes(column.data)
    return [data[start:end] for start, end in pairwise(array("i", bytes(column.offsets)))]


def status(size: int = 0, mtime_ns: int = 0, nlink: int = 1) -> os.stat_result:
    fields = (0o100644, 2**64 - 1, 0, nlink, 0, 0, size, 0, 0, 0)
    return os.stat_result(fields, {"st_mtime_ns": mtime_ns, "st_ctime_ns": 0})


@given(st.lists(st.lists(NAMES, max_size=5), max_size=5), st.sampled_from([0, 300]))
def test_names_are_returned_unchanged(directories, more):
    directories = [*directories, [b"file"] * more]
    rows = Rows()
    for number, names in enumerate(directories):
        rows.add_directory(b"/%d/" % number, [os.fsdecode(name) for name in names], [status()] * len(names))
    batch = rows.take()

    paths = strings(batch.directories)
    assert [
        paths[directory] + name
        for directory, name in zip(array("i", batch.directory), strings(batch.names), strict=True)
    ] == [b"/%d/" % number + name for number, names in enumerate(directories) for name in names]
    assert len(array("q", bytes(batch.size))) == batch.rows == len(strings(batch.targets))


def test_targets_belong_to_their_links():
    rows = Rows()
    rows.add_directory(b"/", ["first", "second", "third"], [status()] * 3)
    rows.set_target(2, b"there")
    rows.set_target(0, b"here")

    assert strings(rows.take().targets) == [b"here", b"", b"there"]


def test_numbers_beyond_their_type_are_clamped():
    rows = Rows()
    rows.add_directory(b"/", ["damaged"], [status(size=2**64 - 1, mtime_ns=-(2**70) * 1000, nlink=2**32 - 1)])
    batch = rows.take()

    assert array("q", bytes(batch.size)).tolist() == [2**63 - 1]
    assert array("q", bytes(batch.mtime_us)).tolist() == [-(2**63)]
    assert array("i", bytes(batch.nlink)).tolist() == [2**31 - 1]
    assert array("Q", bytes(batch.inode)).tolist() == [2**64 - 1]
