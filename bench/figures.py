"""Measurements with their targets, as Markdown tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement. `reached` is None without a target."""

    what: str
    measured: str
    target: str = ""
    reached: bool | None = None

    def __str__(self) -> str:
        mark = {None: "", True: "yes", False: "**no**"}[self.reached]
        return f"| {self.what} | {self.measured} | {self.target} | {mark} |"


def at_most(what: str, value: float, limit: float, unit: str = "", digits: int = 2) -> Figure:
    """Return a figure whose target is at most `limit`."""
    return Figure(
        what=what,
        measured=f"{value:.{digits}f}{unit}",
        target=f"<= {limit:g}{unit}",
        reached=value <= limit,
    )


def at_least(what: str, value: float, limit: float, unit: str = "", digits: int = 1) -> Figure:
    """Return a figure whose target is at least `limit`."""
    return Figure(
        what=what,
        measured=f"{value:.{digits}f}{unit}",
        target=f">= {limit:g}{unit}",
        reached=value >= limit,
    )


def plain(what: str, measured: str) -> Figure:
    """Return a figure without a target."""
    return Figure(what=what, measured=measured)


def printed(title: str, figures: Iterable[Figure]) -> list[str]:
    """Print a section's figures as they are measured; return its lines."""
    lines = [f"## {title}", "", "| | measured | target | reached |", "|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    for figure in figures:
        lines.append(str(figure))
        print(figure, flush=True)
    print()
    return [*lines, ""]
