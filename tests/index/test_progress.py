from __future__ import annotations

import pytest

from tests.index.building import RowsCrawl, identity_of, row
from tidemark.index.build.pipeline import build_index
from tidemark.index.build.progress import BuildProgress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_remaining_time_follows_from_the_previous_index_and_the_pace():
    clock = Clock()
    progress = BuildProgress(clock)
    progress.begin(entries_expected=1_000_000, entries=0)
    assert progress.seconds_left() is None  # nothing has been crawled yet
    clock.now += 10
    progress.crawled(250_000)
    assert progress.seconds_left() == pytest.approx(30 + 4)  # 25,000 a second; then a million to write

    progress.crawled(850_000)  # more entries than in the previous index
    assert progress.seconds_left() == pytest.approx(1_100_000 / 250_000)


def test_entries_of_an_earlier_worker_do_not_count_for_the_pace():
    clock = Clock()
    progress = BuildProgress(clock)
    progress.begin(entries_expected=1_000_000, entries=500_000)
    clock.now += 10
    progress.crawled(100_000)
    assert progress.entries == 600_000
    assert progress.seconds_left() == pytest.approx(40 + 4)


def test_without_a_previous_index_only_the_writing_can_be_estimated():
    clock = Clock()
    progress = BuildProgress(clock)
    progress.begin(entries_expected=None, entries=0)
    clock.now += 10
    progress.crawled(500_000)
    assert progress.seconds_left() is None
    progress.begin_writing()
    assert progress.seconds_left() == pytest.approx(2)
    clock.now += 4
    progress.wrote(100_000)
    assert progress.seconds_left() == pytest.approx(16)
    progress.wrote(400_000)
    assert progress.seconds_left() == 0


def test_a_build_keeps_its_progress_up_to_date(store, tmp_path):
    from datetime import UTC, datetime

    for number, expected in ((1, None), (2, 30)):
        progress = BuildProgress()
        build_index(
            RowsCrawl([row(f"/{each}") for each in range(30)], batch_rows=7),
            store,
            identity_of(number),
            scratch=tmp_path,
            now=lambda: datetime(2026, 11, 1, tzinfo=UTC),
            worker="test",
            progress=progress,
        )
        assert (progress.entries_expected, progress.entries, progress.written) == (expected, 30, 30)
        assert (progress.phase, progress.seconds_left()) == ("writing", 0)
