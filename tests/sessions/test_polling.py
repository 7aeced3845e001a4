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
# Lambda and Step Functions add to the wait.
overheads = st.integers(0, 20).map(lambda seconds: timedelta(seconds=seconds))


def polls(overhead: timedelta = timedelta(0)) -> Iterator[timedelta]:
    """Return the times of the polls of a job, since its start."""
    elapsed = timedelta(0)
    while True:
        elapsed += next_wait(elapsed) + overhead
        yield elapsed


def until(duration: timedelta, overhead: timedelta = timedelta(0)) -> int:
    """Return the number of polls until the end of a job of this duration is detected."""
    return 1 + sum(1 for _ in takewhile(lambda elapsed: elapsed < duration, polls(overhead)))


@given(overheads)
def test_a_week_of_backup_and_four_copies_stays_far_below_the_limit_of_the_history(
    overhead: timedelta,
) -> None:
    events = 5 * until(A_WEEK, overhead) * EVENTS_A_POLL
    assert events < 15_000 < HISTORY_EVENTS


@given(st.integers(1, 600), overheads)
def test_a_job_of_ten_minutes_is_polled_at_most_six_times(seconds: int, overhead: timedelta) -> None:
    assert until(timedelta(seconds=seconds), overhead) <= 6


@given(st.floats(1, A_WEEK.total_seconds()))
def test_the_end_of_a_job_is_detected_within_its_duration_five_minutes_or_a_24th_of_it(
    seconds: float,
) -> None:
    duration = timedelta(seconds=seconds)
    noticed = next(elapsed for elapsed in polls() if elapsed >= duration)
    late = noticed - duration
    assert late <= max(min(duration, timedelta(minutes=5)), duration / 24, timedelta(seconds=20))
    assert late <= timedelta(hours=1)


@given(st.integers(-5, 10**6))
def test_every_wait_is_positive_and_at_most_an_hour(seconds: int) -> None:
    # Clocks differ: the start of a job may appear to be in the future.
    assert timedelta(seconds=20) <= next_wait(timedelta(seconds=seconds)) <= timedelta(hours=1)
