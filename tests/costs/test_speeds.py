from __future__ import annotations

from fractions import Fraction
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from tidemark.costs.speeds import backup_seconds, restore_seconds

FILES, SIZE = st.integers(0, 10**9), st.integers(0, 10**16)


@given(FILES, SIZE)
def test_the_slower_of_the_documented_speeds_decides(files, size):
    mega = 10**6
    assert backup_seconds(files, size) == ceil(max(Fraction(files, 2_000), Fraction(size, 400 * mega)))
    assert restore_seconds(files, size) == ceil(max(Fraction(files, 1_500), Fraction(size, 200 * mega)))
