"""Sorted runs, which workers can exchange."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidemark.index.rows.external_sort import Sorter

KEYS = st.lists(st.tuples(st.sampled_from(["/", "/a/", "/a-b/", "/a/b/", "/é/"]), st.sampled_from("xyzé~")))


def filled(sorter: Sorter, keys: list[tuple[str, str]], batch_rows: int = 3) -> Sorter:
    for start in range(0, len(keys), batch_rows):
        some = keys[start : start + batch_rows]
        rows = {"parent": pa.array(range(len(some)), pa.int32()), "name": [name for _, name in some]}
        sorter.add(pa.RecordBatch.from_pydict(rows), pa.array([parent for parent, _ in some], pa.string()))
    return sorter


def sorted_keys(sorter: Sorter) -> list[tuple[str, str]]:
    found = [
        pair
        for table in sorter.sorted()
        for pair in zip(table.column("parent").to_pylist(), table.column("name").to_pylist(), strict=True)
    ]
    sorter.close()
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=KEYS, run_rows=st.integers(1, 9), at_once=st.integers(2, 5), slab=st.integers(1, 4))
def test_rows_are_returned_once_and_in_order(tmp_path, monkeypatch, keys, run_rows, at_once, slab):
    monkeypatch.setattr("tidemark.index.rows.external_sort._RUNS_AT_ONCE", at_once)
    monkeypatch.setattr("tidemark.index.rows.external_sort._SLAB_ROWS", slab)
    sorter = filled(Sorter(tmp_path, run_rows=run_rows), keys)
    assert sorted_keys(sorter) == sorted(set(keys), key=lambda key: (key[0].encode(), key[1].encode()))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shares=st.lists(KEYS, max_size=4), run_rows=st.integers(1, 9))
def test_runs_of_several_workers_merge_to_the_rows_of_one_worker(tmp_path, shares, run_rows):
    whole = Sorter(tmp_path)
    for share in shares:
        worker = filled(Sorter(tmp_path, run_rows=run_rows), share)
        for run in worker.runs():
            whole.adopt(run.read_bytes())
        worker.close()
    assert sorted_keys(whole) == sorted({key for share in shares for key in share})


def test_runs_can_be_stored_while_they_are_merged(tmp_path):
    keys = [(f"/{number % 7}/", str(number)) for number in range(40)]
    sorter = filled(Sorter(tmp_path, run_rows=15), keys)
    merging = sorter.sorted()
    next(merging)
    kept = Sorter(tmp_path)
    for run in sorter.runs():
        kept.adopt(run.read_bytes())
    merging.close()
    sorter.close()
    assert sorted_keys(kept) == sorted(keys)
    assert not list(tmp_path.iterdir())  # no scratch files remain
