"""Arrange a treemap: the area of each rectangle is the bytes of a directory or another key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark.answers.text import visible
from tidemark.answers.usage import By, Row, directories_in, label_of
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest

_DRAWN_INSIDE = 12  # directories in a treemap that show their subdirectories: each costs a request


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A weighted item and the parts of it that are drawn."""

    label: str
    bytes: int
    inside: tuple[Box, ...] = ()
    directory: str | None = None  # the path of the directory that the box stands for


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A rectangle of the picture, in pixels."""

    left: float
    top: float
    width: float
    height: float


def arrange(boxes: Sequence[Box], area: Area) -> list[tuple[Box, Area]]:
    """Return where each box goes, its area as its share of the bytes, shaped as square as can be.

    Boxes without bytes have no place. Source: Bruls, Huizing, van Wijk, "Squarified treemaps", 2000.
    """
    left = sorted((box for box in boxes if box.bytes > 0), key=lambda box: -box.bytes)
    total = sum(box.bytes for box in left)
    placed: list[tuple[Box, Area]] = []
    while left and area.width > 0 and area.height > 0:
        scale = area.width * area.height / total
        side = min(area.width, area.height)
        row = 1
        while row < len(left) and _worst(left[: row + 1], side, scale) <= _worst(left[:row], side, scale):
            row += 1
        taken, left = left[:row], left[row:]
        weight = sum(box.bytes for box in taken)
        total -= weight
        cells, area = _cut(taken, area, weight * scale / side)
        placed += zip(taken, cells, strict=True)
    return placed


def _worst(row: Sequence[Box], side: float, scale: float) -> float:
    """Return the worst aspect ratio (>= 1) in a row of boxes."""
    weight = sum(box.bytes for box in row) * scale
    return max(
        max(side**2 * box.bytes * scale / weight**2, weight**2 / (side**2 * box.bytes * scale)) for box in row
    )


def _cut(row: Sequence[Box], area: Area, depth: float) -> tuple[list[Area], Area]:
    """Return the cells of a row along the shorter side of an area, and the rest of the area."""
    weight = sum(box.bytes for box in row)
    cells, at = [], 0.0
    upright = area.width >= area.height
    for box in row:
        length = (area.height if upright else area.width) * box.bytes / weight
        if upright:
            cells.append(Area(left=area.left, top=area.top + at, width=depth, height=length))
        else:
            cells.append(Area(left=area.left + at, top=area.top, width=length, height=depth))
        at += length
    if upright:
        return cells, Area(left=area.left + depth, top=area.top, width=area.width - depth, height=area.height)
    return cells, Area(left=area.left, top=area.top + depth, width=area.width, height=area.height - depth)


def boxes_of(store: Store, manifest: Manifest, below: str, by: By, rows: Sequence[Row]) -> list[Box]:
    """Return a box for each row of a summary; the largest directories contain their subdirectories."""
    boxes = []
    for number, row in enumerate(rows):
        inside: tuple[Box, ...] = ()
        directory = f"{below.rstrip('/')}/{row.key}" if by is By.DIR and row.key else None
        if directory is not None and number < _DRAWN_INSIDE:
            found = directories_in(store, manifest, directory)
            inside = tuple(
                Box(label=visible(f"{each.key}/"), bytes=each.bytes, directory=f"{directory}/{each.key}")
                for each in found
            )
            rest = row.bytes - sum(each.bytes for each in found)
            inside += (Box(label="(files)", bytes=rest),) * bool(found)
        label = visible(label_of(row.key, by))
        boxes.append(Box(label=label, bytes=row.bytes, inside=inside, directory=directory))
    return boxes
