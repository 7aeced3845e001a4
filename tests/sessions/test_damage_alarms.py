from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.sessions.memory_store import MemoryStore
from tidemark.sessions.damage_alarms import (
    MOST_SENTENCES,
    DamageAlarm,
    HeldPoint,
    Suspicion,
    raise_alarm,
    read_alarm,
    release_alarm,
    update_alarm,
)
from tidemark.sessions.session import FileSystem

FS = FileSystem("123456789012", "eu-central-1", "fs-0123456789abcdef0")
NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)


def suspicion(number: int, **fields: object) -> Suspicion:
    usual = {
        "file_system": FS,
        "index_id": f"index-{number:02}",
        "last_good_index_id": f"index-{number - 1:02}",
        "findings": (f"finding {number}",),
        "directories": (f"/d{number}",),
    }
    return Suspicion(**usual | fields)


def raised(store: MemoryStore, number: int, *, holds: bool = False) -> DamageAlarm:
    return raise_alarm(store, suspicion(number), holds=holds, now=NOW + timedelta(days=number))


def test_the_first_suspicious_index_raises_the_alarm_and_later_ones_join_it():
    store = MemoryStore()
    assert read_alarm(store, FS) is None
    first = raised(store, 3)
    assert (first.is_open, first.last_good_index_id) == (True, "index-02")
    joined = raised(store, 5, holds=True)
    assert (joined.first_index_id, joined.newest_index_id) == ("index-03", "index-05")
    assert joined.last_good_index_id == "index-02"  # before the first of them
    assert joined.raised_at == first.raised_at
    assert (joined.directories, joined.holds) == (("/d3", "/d5"), True)
    assert read_alarm(store, FS) == joined


@given(st.lists(st.one_of(st.integers(1, 9), st.just("release")), max_size=12))
def test_an_alarm_is_open_while_a_newer_index_than_the_accepted_ones_is_suspicious(steps):
    store, newest, accepted = MemoryStore(), 0, 0
    for step in steps:
        if step == "release":
            alarm = read_alarm(store, FS)
            if alarm is not None:
                release_alarm(store, alarm, NOW)
                accepted = newest
        else:
            raised(store, step)
            raised(store, step)  # Lambda retries
            newest = max(newest, step)
    alarm = read_alarm(store, FS)
    assert (alarm is not None and alarm.is_open) == (newest > accepted)
    if alarm is not None:
        assert DamageAlarm.from_item(alarm.to_item()) == alarm
        assert alarm.accepted_until == (f"index-{accepted:02}" if accepted else "")


def test_an_index_that_is_added_during_a_release_stays_open():
    store = MemoryStore()
    seen = raised(store, 3)
    raised(store, 4)
    released = release_alarm(store, seen, NOW)
    assert (released.accepted_until, released.is_open) == ("index-03", True)


def test_the_alarm_after_a_release_is_another_one():
    store = MemoryStore()
    release_alarm(store, raised(store, 3, holds=True), NOW)
    again = raised(store, 7)
    assert (again.first_index_id, again.last_good_index_id) == ("index-07", "index-06")
    assert (again.holds, again.released_at, again.accepted_until) == (False, None, "index-03")


def test_points_that_could_not_be_set_back_are_not_forgotten_by_the_next_alarm():
    store = MemoryStore()
    point = HeldPoint(
        recovery_point_arn="arn",
        account="1",
        region="r",
        vault="v",
        keep_days=7,
        cold_after_days=None,
        held_days=97,
    )
    release_alarm(store, update_alarm(store, raised(store, 3), held=(point,)), NOW)
    assert raised(store, 7).held == (point,)


@given(st.one_of(st.none(), st.integers(1, 36_500)), st.one_of(st.none(), st.integers(1, 36_500)))
def test_a_held_point_survives_its_record(keep, cold):
    point = HeldPoint(
        recovery_point_arn="arn",
        account="1",
        region="r",
        vault="v",
        keep_days=keep,
        cold_after_days=cold,
        held_days=97,
    )
    assert HeldPoint.from_map("arn", point.to_map()) == point


def test_a_change_keeps_what_another_writer_has_recorded():
    store = MemoryStore()
    stale = raised(store, 3)
    raised(store, 4)
    changed = update_alarm(store, stale, notified_index_id="index-03")
    assert (changed.newest_index_id, changed.notified_index_id) == ("index-04", "index-03")


def test_a_record_stays_small():
    many = tuple(f"finding {number}" for number in range(500))
    store = MemoryStore()
    alarm = raise_alarm(store, suspicion(1, findings=many, directories=many), holds=False, now=NOW)
    assert (len(alarm.findings), len(alarm.directories)) == (MOST_SENTENCES, MOST_SENTENCES)
    more = raise_alarm(store, replace(suspicion(2), directories=many[::-1]), holds=False, now=NOW)
    assert len(more.directories) == MOST_SENTENCES
