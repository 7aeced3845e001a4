"""Stored bytes, against a simulation of blocks: each point holds a version of every block."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemark.costs.change_rate import ChangeRate
from tidemark.costs.stored_bytes import FULL, KeptPoint, average_stored, stored_on, transferred

BLOCK = 4_096


class Simulation:
    """A file system of blocks, the points of one vault, and what the vault stores on each day."""

    def __init__(self, blocks: int) -> None:
        self.content = dict.fromkeys(range(blocks), 0)
        self.points: list[tuple[KeptPoint, frozenset[tuple[int, int]]]] = []
        self.copied: dict[int, int] = defaultdict(int)

    def write(self, blocks: list[int], day: int) -> None:
        self.content |= dict.fromkeys(blocks, day + 1)  # a version that no block had before

    def back_up(self, point: KeptPoint) -> None:
        """Copy what no living point of the vault holds."""
        now = frozenset(self.content.items())
        held = frozenset().union(
            *(held for each, held in self.points if self.lives(each, int(point.created)))
        )
        self.copied[int(point.created)] += len(now - held) * BLOCK
        self.points.append((point, now))

    def lives(self, point: KeptPoint, day: int) -> bool:
        return point.created <= day and (point.keep_days is None or day < point.created + point.keep_days)

    def stored(self, day: int) -> dict[str, int]:
        """Return the bytes of all distinct versions, by tier: two tiers share nothing."""
        held: dict[str, set[tuple[int, int]]] = {"warm": set(), "cold": set()}
        for point, versions in self.points:
            if self.lives(point, day):
                cold = point.cold_after_days
                is_cold = cold is not None and day >= point.created + cold
                held["cold" if is_cold else "warm"] |= versions
        return {tier: len(versions) * BLOCK for tier, versions in held.items()}


def by_tier(found):
    total = {"warm": 0.0, "cold": 0.0}
    for (tier, _), size in found.items():
        total[tier] += size
    return total


RETENTIONS = st.lists(
    st.tuples(st.integers(1, 40) | st.none(), st.none() | st.integers(1, 15)), min_size=1, max_size=5
)


@settings(max_examples=40)
@given(RETENTIONS, st.integers(1, 12))
def test_with_other_blocks_every_day_the_bytes_are_those_of_a_simulation(retentions, changed):
    """Blocks are rewritten round robin, so none changes twice before all have changed once."""
    blocks, days = 10 * changed + 3, 35
    simulated = Simulation(blocks)
    points = []
    for day in range(days):
        start = day * changed
        simulated.write([(start + number) % blocks for number in range(changed)], day)
        keep, cold = retentions[day % len(retentions)]
        point = KeptPoint(created=float(day), keep_days=keep, cold_after_days=cold, label="x")
        simulated.back_up(point)
        points.append(point)
    changes = ChangeRate.of_daily(blocks * BLOCK, changed * BLOCK)
    for day in range(days):
        assert by_tier(stored_on(day, points[: day + 1], changes)) == simulated.stored(day)
        assert transferred(day, day + 1, points, changes) == simulated.copied[day]


@settings(max_examples=40)
@given(RETENTIONS, st.integers(1, 12))
def test_with_the_same_blocks_every_day_each_older_point_holds_them_once(retentions, changed):
    blocks, days = 40, 35
    simulated, points = Simulation(blocks), []
    for day in range(days):
        simulated.write(list(range(changed)), day)
        keep, cold = retentions[day % len(retentions)]
        points.append(KeptPoint(created=float(day), keep_days=keep, cold_after_days=cold, label="x"))
        simulated.back_up(points[-1])
    hot = changed * BLOCK
    changes = ChangeRate(size=blocks * BLOCK, measured=((1.0, hot), (100.0, hot)))
    for day in range(days):
        assert by_tier(stored_on(day, points[: day + 1], changes)) == simulated.stored(day)


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_with_random_blocks_measured_changes_give_the_bytes_of_a_simulation(seed):
    """The changes are measured in the same history: each measurement compares two of its days."""
    chance, blocks, days = random.Random(seed), 2_000, 60  # noqa: S311 - not a secret
    simulated, points, states = Simulation(blocks), [], []
    for day in range(days):
        simulated.write([chance.randrange(blocks) for _ in range(60)], day)
        states.append(dict(simulated.content))
        keep = 50 if day % 7 == 0 else 10
        points.append(KeptPoint(created=float(day), keep_days=keep, cold_after_days=None, label="x"))
        simulated.back_up(points[-1])
    measured = tuple(
        (float(gap), sum(states[-1][block] != states[-1 - gap][block] for block in states[0]) * BLOCK)
        for gap in range(1, 31)
    )
    changes = ChangeRate(size=blocks * BLOCK, measured=measured)
    found, expected = (
        by_tier(stored_on(days - 1, points, changes))["warm"],
        simulated.stored(days - 1)["warm"],
    )
    assert found == pytest.approx(expected, rel=0.1)


def test_each_label_has_the_bytes_that_its_points_add():
    changes = ChangeRate.of_daily(1_000, 10)
    points = [
        KeptPoint(created=0.0, keep_days=365, cold_after_days=None, label="monthly"),
        *(
            KeptPoint(created=float(day), keep_days=3, cold_after_days=None, label="daily")
            for day in range(1, 31)
        ),
    ]
    # On day 30 the points of days 0, 28, 29 and 30 are kept.
    assert stored_on(30, points, changes) == {
        ("warm", FULL): 1_000,
        ("warm", "monthly"): 280,
        ("warm", "daily"): 20,
    }


@given(st.integers(1, 40), st.integers(1, 500), st.integers(1, 2_000))
def test_daily_points_store_everything_once_and_the_changes_of_the_retention(keep, daily, size):
    points = [
        KeptPoint(created=day + 0.1, keep_days=keep, cold_after_days=None, label="x") for day in range(100)
    ]
    changes = ChangeRate.of_daily(size, daily)
    found = sum(average_stored(60, 90, points, changes).values())
    assert found == pytest.approx(size + keep * min(size, daily))


def test_a_copy_that_finds_no_earlier_one_is_complete():
    changes = ChangeRate.of_daily(1_000, 10)
    monthly = [
        KeptPoint(created=float(30 * month), keep_days=20, cold_after_days=None, label="x")
        for month in range(3)
    ]
    assert [transferred(first, first + 30, monthly, changes) for first in (0, 30, 60)] == [1_000] * 3
    kept = [
        KeptPoint(created=float(30 * month), keep_days=40, cold_after_days=None, label="x")
        for month in range(3)
    ]
    assert [transferred(first, first + 30, kept, changes) for first in (0, 30, 60)] == [1_000, 300, 300]
