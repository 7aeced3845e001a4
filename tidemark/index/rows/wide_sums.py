"""Sums of sizes, which 64 bits do not always hold: two sparse files of 2^63 - 1 bytes fit in any tmpfs."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

WIDE: Final = pa.decimal128(38, 0)  # holds the sizes of 10^18 files of 2^63 bytes
LARGEST: Final = 2**63 - 1


def summable(sizes: Any) -> Any:
    """Return 64-bit numbers in a type that holds their sum: as they are, or where they may not fit, as WIDE.

    Arrow's sums of 64-bit numbers begin again at -2^63 where they leave 64 bits, without a word.
    """
    extremes = pc.min_max(sizes).as_py()
    largest = max(abs(extremes["min"] or 0), abs(extremes["max"] or 0))
    return sizes if largest * len(sizes) <= LARGEST else sizes.cast(WIDE)


def total(sizes: Any) -> int:
    """Return the sum of 64-bit numbers, however large; 0 of none."""
    return int(pc.sum(summable(sizes)).as_py() or 0)


def fits(number: int) -> bool:
    """Tell whether a sum fits into 64 bits."""
    return -LARGEST - 1 <= number <= LARGEST


def clamped(number: int) -> int:
    """Return a sum, or the nearest number that fits into 64 bits."""
    return min(max(number, -LARGEST - 1), LARGEST)
