from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.costs.change_rate import ChangeRate

MEASURED = st.lists(
    st.tuples(st.floats(0.01, 30), st.integers(0, 10**9)),
    min_size=1,
    max_size=6,
    unique_by=lambda each: each[0],
).map(
    lambda pairs: tuple(
        zip(sorted(days for days, _ in pairs), sorted(size for _, size in pairs), strict=True)
    )
)


@given(MEASURED, st.integers(0, 10**10))
def test_what_was_measured_is_returned_up_to_the_whole_file_system(measured, size):
    changes = ChangeRate(size=size, measured=measured)
    for days, changed in measured:
        assert changes.over(days) == pytest.approx(min(size, changed), rel=1e-6, abs=1e-3)


@given(MEASURED, st.integers(0, 10**10), st.floats(0, 100), st.floats(0, 100))
def test_more_days_change_no_less(measured, size, some, more):
    changes = ChangeRate(size=size, measured=measured)
    low, high = sorted((some, more))
    assert 0 <= changes.over(low) <= changes.over(high) + 1e-3
    assert changes.over(high) <= size


def test_beyond_the_last_measurement_changes_grow_as_before_it():
    changes = ChangeRate(size=1_000, measured=((1.0, 100), (3.0, 140)))
    assert changes.over(0.5) == 50
    assert changes.over(2) == 120
    assert changes.over(13) == 340
    assert changes.over(1_000) == 1_000
