from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from tidemark.sessions.polling import next_wait

EVENTS_A_POLL = 9  # entered and exited of Wait, Task and Choice; scheduled, started, succeeded of the Lambda
HISTORY_EVENTS = 25_000  # of one execution. Source: Step Functions quotas
A_WEEK = timedelta(days=7)
# Lambda and Step Functions take their time, too.
overheads = st.integers(0, 20).map(lambda seconds: timedelta(seconds=seconds))


def polls(overhead: timedelta = timedelta(0)) -> Iterator[timedelta]:
    """Return when a job is asked about, in time since its start."""
    elapsed = timedelta(0)
    while True:
        elapsed += next_wait(elapsed) + overhead
        yield elapsed


def until(duration: timedelta, overhead: timedelta = timedelta(0)) -> int:
    """Return how many polls it takes to see the end of a job that takes so long."""
    return 1 + sum(1 for _ in takewhile(lambda elapsed: elapsed < duration, polls(overhead)))


@given(overheads)
def test_a_week_of_backup_and_four_copies_stays_far_below_the_limit_of_the_history(
    overhead: timedelta,
) -> None:
    events = 5 * until(A_WEEK, overhead) * EVENTS_A_POLL
    assert events < 15_000 < HISTORY_EVENTS


@given(st.integers(1, 600), overheads)
def test_a_job_of_ten_minutes_is_asked_about_six_times_at_most(seconds: int, overhead: timedelta) -> None:
    assert until(timedelta(seconds=seconds), overhead) <= 6


@given(st.floats(1, A_WEEK.total_seconds()))
def test_an_end_is_noticed_late_by_the_duration_five_minutes_or_a_24th_of_it(seconds: float) -> None:
    duration = timedelta(seconds=seconds)
    noticed = next(elapsed for elapsed in polls() if elapsed >= duration)
    late = noticed - duration
    assert late <= max(min(duration, timedelta(minutes=5)), duration / 24, timedelta(seconds=20))
    assert late <= timedelta(hours=1)


@given(st.integers(-5, 10**6))
def test_no_wait_is_in_vain_or_longer_than_an_hour(seconds: int) -> None:
    # Clocks differ: a job may seem to begin in the future.
    assert timedelta(seconds=20) <= next_wait(timedelta(seconds=seconds)) <= timedelta(hours=1)
