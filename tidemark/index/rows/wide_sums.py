"""Sums of sizes, which may exceed 64 bits: two sparse files of 2^63 - 1 bytes fit in any tmpfs."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

WIDE: Final = pa.decimal128(38, 0)  # holds the sizes of 10^18 files of 2^63 bytes
LARGEST: Final = 2**63 - 1


def summable(sizes: Any) -> Any:
    """Return 64-bit numbers in a type that can hold their sum: unchanged, or as WIDE if it may not fit.

    Arrow's sums of 64-bit numbers silently wrap around to -2^63.
    """
    extremes = pc.min_max(sizes).as_py()
    largest = max(abs(extremes["min"] or 0), abs(extremes["max"] or 0))
    return sizes if largest * len(sizes) <= LARGEST else sizes.cast(WIDE)


def total(sizes: Any) -> int:
    """Return the exact sum of 64-bit numbers; 0 if there are none."""
    return int(pc.sum(summable(sizes)).as_py() or 0)


def fits(number: int) -> bool:
    """Return whether a sum fits into 64 bits."""
    return -LARGEST - 1 <= number <= LARGEST


def clamped(number: int) -> int:
    """Return the nearest number to a sum that fits into 64 bits."""
    return min(max(number, -LARGEST - 1), LARGEST)
