"""The record of a pause, and the runs that it holds back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tidemark.policy.pause import LONGEST_REASON, Pause

moments = st.datetimes(datetime(2026, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - as hypothesis wants it
pauses = st.builds(
    Pause,
    since=moments,
    by=st.text(max_size=100),
    reason=st.text(max_size=50),
    until=st.none() | moments,
)


@given(pauses)
def test_a_pause_is_read_back_from_its_record(pause: Pause) -> None:
    assert Pause.from_json(pause.to_json()) == pause


@given(pauses, moments)
def test_a_pause_without_end_holds_always_and_one_with_an_end_before_it(pause: Pause, at: datetime) -> None:
    assert pause.holds_at(at) == (pause.until is None or at < pause.until)


def test_a_run_that_is_due_at_the_end_of_a_pause_is_not_held_back() -> None:
    end = datetime(2026, 12, 24, 6, tzinfo=UTC)
    pause = Pause(since=end - timedelta(days=1), by="arn", until=end)
    assert not pause.holds_at(end)
    assert pause.holds_at(end - timedelta(microseconds=1))


def test_the_longest_record_fits_into_a_standard_parameter() -> None:
    """A character outside of the basic plane takes twelve in JSON, where it is a pair of escapes."""
    end = datetime(2026, 12, 24, 6, tzinfo=UTC)
    reason = "e\u0301" * (LONGEST_REASON // 2)
    assert len(Pause(since=end, by="a" * 256, reason=reason, until=end).to_json()) <= 4096
