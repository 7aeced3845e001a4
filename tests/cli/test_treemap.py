"""Rectangles whose areas are bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.answers.treemap import Area, Box, arrange

WHOLE = Area(left=10, top=20, width=300, height=200)


@given(st.lists(st.integers(-3, 10**12), max_size=40))
def test_areas_are_shares_that_fill_the_whole_and_do_not_overlap(sizes):
    boxes = [Box(label=str(number), bytes=size) for number, size in enumerate(sizes)]
    placed = arrange(boxes, WHOLE)
    assert [box.bytes for box, _ in placed] == sorted((size for size in sizes if size > 0), reverse=True)
    total = sum(box.bytes for box, _ in placed)
    for box, area in placed:
        assert area.width * area.height == pytest.approx(60_000 * box.bytes / total, rel=1e-6, abs=1e-6)
        assert area.left >= WHOLE.left - 1e-6
        assert area.top >= WHOLE.top - 1e-6
        assert area.left + area.width <= WHOLE.left + WHOLE.width + 1e-6
        assert area.top + area.height <= WHOLE.top + WHOLE.height + 1e-6
    for (_, one), (_, other) in pairwise(placed):
        across = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
        down = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
        assert min(across, down) <= 1e-6


def test_rectangles_are_nearly_square():
    boxes = [Box(label="", bytes=1) for _ in range(24)]
    assert all(0.5 <= area.width / area.height <= 2 for _, area in arrange(boxes, WHOLE))
