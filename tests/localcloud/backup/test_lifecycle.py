"""The rules for how long recovery points are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.backup.errors import InvalidParameterValue
from localcloud.backup.lifecycle import calculated_lifecycle, check_lifecycle

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
def test_for_ever_is_a_lifecycle_too(lifecycle: dict[str, int]) -> None:
    check_lifecycle(lifecycle)
    assert "DeleteAt" not in calculated_lifecycle(datetime(2026, 1, 1, tzinfo=UTC), lifecycle)


@pytest.mark.parametrize("number", [0, -2])
def test_less_than_a_day_is_refused(number: int) -> None:
    with pytest.raises(InvalidParameterValue):
        check_lifecycle({"DeleteAfterDays": number})


@given(days)
def test_the_days_count_from_the_creation(number: int) -> None:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    assert calculated_lifecycle(created, {"DeleteAfterDays": number}) == {
        "DeleteAt": created + timedelta(days=number)
    }
