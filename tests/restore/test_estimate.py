"""Duration and cost, against the formulas of AWS's documentation in fractions."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.costs.prices import DATED
from tidemark.restore.estimate import JOB_OVERHEAD_SECONDS, Job, estimate, restore_seconds

REGION = "us-east-1"
JOBS = st.lists(
    st.builds(
        Job,
        entries=st.integers(0, 10**8),
        bytes=st.integers(0, 10**15),
        is_cold=st.booleans(),
        is_whole=st.booleans(),
    ),
    max_size=5,
)


def job(entries: int = 1, size: int = 0, *, is_cold: bool = False, is_whole: bool = False) -> Job:
    return Job(entries=entries, bytes=size, is_cold=is_cold, is_whole=is_whole)


def costs(jobs: list[Job], region: str = REGION) -> dict[str, Decimal]:
    return {part.name: part.usd for part in estimate(jobs, region).parts}


@given(JOBS)
def test_the_cost_is_that_of_the_price_list(jobs):
    gigabytes = {
        is_cold: Fraction(sum(each.bytes for each in jobs if each.is_cold == is_cold), 1024**3)
        for is_cold in (False, True)
    }
    expected = {
        "restore from warm storage": gigabytes[False] * Fraction(2, 100),
        "restore from cold storage": gigabytes[True] * Fraction(3, 100),
        "item-level restores": sum(not each.is_whole for each in jobs) * Fraction(1, 2),
        "EFS Standard storage, one month": (gigabytes[False] + gigabytes[True]) * Fraction(3, 10),
    }
    found = estimate(jobs, REGION)
    parts = {part.name: part.usd for part in found.parts}
    for name, usd in expected.items():
        assert abs(Fraction(parts.get(name, 0)) - usd) <= Fraction(1, 20_000)
    assert found.usd == sum(parts.values())
    # An hour of one vCPU and 2 GB costs 0.0395 dollars; a worker runs at most a second for each entry.
    most_hours = Fraction(600 + sum(each.entries for each in jobs), 3600)
    assert 0 <= Fraction(parts.get("worker", 0)) <= most_hours * Fraction(395, 10_000) + Fraction(1, 10_000)


@given(JOBS)
def test_the_duration_is_the_sum_of_the_slower_documented_speeds(jobs):
    seconds = [max(Fraction(each.entries, 1500), Fraction(each.bytes, 200 * 10**6)) for each in jobs]
    found = estimate(jobs, REGION)
    assert found.seconds_low == sum(map(math.ceil, seconds))
    assert found.seconds >= found.seconds_low + JOB_OVERHEAD_SECONDS * len(jobs)
    assert (found.jobs, found.entries, found.bytes) == (
        len(jobs),
        sum(each.entries for each in jobs),
        sum(each.bytes for each in jobs),
    )


@pytest.mark.parametrize(
    ("entries", "size", "seconds"), [(1500, 0, 1), (1501, 0, 2), (1, 10**12, 5000), (3_000_000, 10**9, 2000)]
)
def test_the_slower_of_files_and_bytes_counts(entries, size, seconds):
    assert restore_seconds(job(entries, size)) == seconds


def test_a_whole_restore_costs_no_item_fee():
    assert "item-level restores" not in costs([job(is_whole=True)])
    assert costs([job(), job(), job(is_whole=True)])["item-level restores"] == Decimal("1.0000")


def test_nothing_to_restore_costs_nothing():
    found = estimate([], REGION)
    assert (found.usd, found.seconds, found.parts) == (0, 0, ())


def assumptions(*jobs: Job, region: str = REGION, is_counted: bool = True) -> str:
    return " ".join(estimate(jobs, region, is_counted=is_counted).assumptions)


def test_the_estimate_states_its_assumptions():
    text = assumptions(job())
    assert "1,500 files or 200 MB per second" in text
    assert f"Each is assumed to need {JOB_OVERHEAD_SECONDS} more seconds" in text
    assert f"the list prices of us-east-1 of {DATED}." in text
    assert "cold storage" not in text
    assert "not counted" not in text
    assert "cold storage take longer" in assumptions(job(), job(is_cold=True))
    assert "but not counted" in assumptions(job(), is_counted=False)


def test_jobs_are_counted_in_words():
    explained = {part.name: part.explanation for part in estimate([job()], REGION).parts}
    assert explained["item-level restores"].startswith("1 job at")
    explained = {part.name: part.explanation for part in estimate([job(), job()], REGION).parts}
    assert explained["item-level restores"].startswith("2 jobs at")


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=5))
def test_the_jobs_and_the_charge_of_the_lowest_documented_number_of_paths_are_stated(numbers):
    jobs = [Job(entries=1, bytes=0, is_cold=False, is_whole=False, paths=paths) for paths in numbers]
    whole = job(is_whole=True)
    expected = sum(math.ceil(Fraction(paths, 5)) for paths in numbers)
    text = assumptions(*jobs, whole)
    if max(numbers) <= 5:
        assert "number of paths" not in text
    else:
        assert f"{expected + 1:,} jobs, for ${Decimal(expected) / 2:,.2f}" in text  # half a dollar each


def test_prices_of_another_region_are_marked():
    assert "us-east-1 of" in assumptions(job(), region="mars-north-1")
    assert "because those of mars-north-1 are not recorded" in assumptions(job(), region="mars-north-1")
