"""Which differences between two backups raise an alarm."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.index.test_damage_file import build, days, tree
from tidemark.answers.alarms import alarms_between, alarms_of
from tidemark.index.query.diff import DirectoryChanges
from tidemark.index.storage.object_store import FileStore


def index(entries=10_000, size=10**9, unreadable=0):
    return SimpleNamespace(totals=SimpleNamespace(entries=entries, bytes=size, unreadable=unreadable))


def alarms(before=None, after=None, **changes):
    return alarms_of(before or index(), after or index(), DirectoryChanges(**changes))


def test_daily_work_raises_no_alarm():
    assert alarms(added=500, changed=900, removed=300, bytes_added=10**8) == []


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 200))
def test_few_changes_raise_no_alarm_however_small_the_file_system(added, changed, removed, entries):
    small = index(entries=entries, size=0)
    assert alarms_of(small, small, DirectoryChanges(added=added, changed=changed, removed=removed)) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"removed": 2_000}, "removed"),
        ({"changed": 3_000}, "changed"),
        ({"added": 1_500, "removed": 1_500}, "new names"),
    ],
)
def test_deleted_and_encrypted_files_raise_an_alarm(changes, word):
    assert any(word in alarm for alarm in alarms(**changes))


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_more_removals_never_silence_the_alarm_about_removals(fewer, more):
    fewer, more = sorted((fewer, more))

    def raised(removed):
        return any("were removed" in alarm for alarm in alarms(removed=removed))

    assert raised(more) or not raised(fewer)


def test_newly_unreadable_paths_and_lost_bytes_raise_an_alarm():
    assert any("could not be read" in alarm for alarm in alarms(after=index(unreadable=1)))
    assert not alarms(before=index(unreadable=1), after=index(unreadable=1))
    assert any("less than before" in each for each in alarms(after=index(size=10**8), removed=150))


def test_recorded_verdicts_replace_fixed_shares(tmp_path):
    store = FileStore(tmp_path)
    series = days(store, tmp_path, 4)
    series.append(build(store, tmp_path, tree(5, locked=30), 5))
    many = DirectoryChanges(removed=5_000, changed=5_000)

    def between(first, last, totals=many):
        return alarms_between(store, series, series[first], series[last], totals)

    (alarm,) = between(3, 4)
    assert "/home/: 30 of 40 files were replaced" in alarm
    assert alarm.startswith("2026-11-06 00:00:00 UTC: ")
    assert between(2, 3) == []  # judged as normal, so the fixed shares are not used
    assert any("were removed" in each for each in between(0, 1))  # not enough history for a verdict
    assert any("30 of 40" in each for each in between(0, 4))


def test_each_kind_of_change_is_a_field_of_the_sums():
    names = {field.name for field in dataclasses.fields(DirectoryChanges)}
    assert {"added", "changed", "removed", "renamed", "unreadable"} <= names
