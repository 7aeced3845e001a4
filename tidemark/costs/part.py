"""Parts of an estimate: amounts at prices."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from tidemark.costs.prices import GB, Prices


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the cost, in USD."""

    name: str
    region: str  # whose prices apply
    usd: Decimal
    explanation: str  # the amounts and prices


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """A part before it is rounded."""

    name: str
    region: str
    usd: Decimal
    explanation: str
    figures: tuple[tuple[str, str], ...]  # Region and name of each price
    is_kept: bool = False  # also if it costs nothing


def at_price(
    name: str, region: str, figure: str, amount: float, unit: str, note: str = "", *, is_kept: bool = False
) -> Usage:
    """Return the part for an amount of something that one figure prices."""
    price = Prices(region).usd(figure)
    return Usage(
        name=name,
        region=region,
        usd=Decimal(amount) * price,
        explanation=f"{_shown(amount)} {unit} at ${price.normalize():f}{note}",
        figures=((region, figure),),
        is_kept=is_kept,
    )


def of_bytes(name: str, region: str, figure: str, size: float, unit: str = "GB", note: str = "") -> Usage:
    """Return the part for an amount of bytes, which are priced by GB."""
    return at_price(name, region, figure, size / GB, unit, note)


def _shown(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 or amount == int(amount) else f"{amount:,.3f}"
