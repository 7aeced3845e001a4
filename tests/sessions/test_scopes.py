"""The record of what a policy's runs include."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.sessions.memory_store import MemoryStore
from tests.sessions.world import START
from tidemark.sessions.scopes import read_scope, record_scope

names = st.lists(st.sampled_from(["fs-1", "fs-2", "eu-west-1/fs-3", "1/eu-west-1/fs-4"]), unique=True)


@given(st.lists(names, min_size=1, max_size=5))
def test_each_run_reports_what_changed_since_the_run_before(runs):
    store = MemoryStore()
    assert read_scope(store, "daily") is None
    before = set(runs[0])  # the first run reports nothing: everything would be new
    for number, run in enumerate(runs):
        now = START + timedelta(days=number)
        changed = record_scope(store, "daily", run, now)
        assert set(changed.appeared) == set(run) - before
        assert set(changed.vanished) == before - set(run)
        assert changed == read_scope(store, "daily")
        assert record_scope(store, "daily", run, now) == changed  # a retry of the same run
        before = set(run)
    assert read_scope(store, "weekly") is None
