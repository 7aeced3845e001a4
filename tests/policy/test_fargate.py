"""Fargate's sizes, compared with the table of the developer guide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.policy.fargate import SIZES, check_size

GB = 1024


@pytest.mark.parametrize(
    ("vcpu", "least", "most"),
    [(0.25, 0.5, 2), (0.5, 1, 4), (1, 2, 8), (2, 4, 16), (4, 8, 30), (8, 16, 60), (16, 32, 120)],
)
def test_the_bounds_of_each_row_are_accepted(vcpu: float, least: float, most: float) -> None:
    for memory in (least, most):
        check_size(int(vcpu * 1024), int(memory * GB))
    for memory in (least * GB - 1, most * GB + GB):
        with pytest.raises(ValueError, match="memory is"):
            check_size(int(vcpu * 1024), int(memory))


@given(st.sampled_from(sorted(SIZES)), st.integers(1, 130 * GB))
def test_every_accepted_size_is_a_multiple_of_512_mib(cpu_units: int, memory_mib: int) -> None:
    try:
        check_size(cpu_units, memory_mib)
    except ValueError:
        return
    assert memory_mib % 512 == 0
