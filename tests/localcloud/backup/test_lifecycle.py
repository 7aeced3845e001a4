"""The rules for how long recovery points are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.backup.errors import InvalidParameterValue
from localcloud.backup.lifecycle import calculated_lifecycle, check_lifecycle, lifecycle_of_copy

days = st.integers(min_value=1, max_value=36500)


@given(days, days)
def test_cold_storage_lasts_ninety_days_at_least(cold: int, delete: int) -> None:
    lifecycle = {"MoveToColdStorageAfterDays": cold, "DeleteAfterDays": delete}
    if delete >= cold + 90:
        check_lifecycle(lifecycle)
    else:
        with pytest.raises(InvalidParameterValue):
            check_lifecycle(lifecycle)


@pytest.mark.parametrize("lifecycle", [{}, {"DeleteAfterDays": -1}, {"MoveToColdStorageAfterDays": 400}])
def test_a_lifecycle_without_an_end_is_accepted(lifecycle: dict[str, int]) -> None:
    check_lifecycle(lifecycle)
    assert "DeleteAt" not in calculated_lifecycle(datetime(2026, 1, 1, tzinfo=UTC), lifecycle)


@pytest.mark.parametrize(
    "lifecycle", [*({"DeleteAfterDays": days} for days in (0, -2, 36_501)), {"DeleteAfterEvent": "x"}]
)
def test_less_than_a_day_more_than_a_century_and_an_event_are_refused(lifecycle: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterValue):
        check_lifecycle(lifecycle)


lifecycles = st.fixed_dictionaries(
    {}, optional={name: days | st.just(-1) for name in ("DeleteAfterDays", "MoveToColdStorageAfterDays")}
)


@given(lifecycles, lifecycles)
def test_each_number_of_a_copys_lifecycle_is_the_requests_or_the_sources(
    asked: dict[str, int], source: dict[str, int]
) -> None:
    made = lifecycle_of_copy(asked, source)
    for name in ("DeleteAfterDays", "MoveToColdStorageAfterDays"):
        if asked.get(name, -1) > 0:
            assert made[name] == asked[name]
        elif name in asked or not asked:
            assert made.get(name, -1) == source.get(name, -1)
        else:
            assert name not in made


@given(days)
def test_the_days_count_from_the_creation(number: int) -> None:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    assert calculated_lifecycle(created, {"DeleteAfterDays": number}) == {
        "DeleteAt": created + timedelta(days=number)
    }
