"""Draw treemaps as PNG pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tidemark.answers.treemap import Area, Box, arrange
from tidemark.cli.output import terminal
from tidemark.errors import ConfigurationError

WIDTH, HEIGHT = 1600, 1000
_HEADING = 56  # pixels, including the text and its margins
_MARGIN, _LINE = 6, 22
_SMALLEST = 3  # narrower rectangles are not drawn
# Okabe and Ito's palette for colour-blind readers, lightened so that black text is legible.
_COLOURS = ("#7cb9e8", "#f3c46b", "#7fcfb0", "#f2a27c", "#b7a3d9", "#f0e68c", "#d9a3bd", "#b0b0b0")
_INK, _PAPER, _FRAME = "#1a1a1a", "#ffffff", "#ffffff"


def draw(boxes: Sequence[Box], heading: str, path: Path) -> None:
    """Write a PNG picture of the boxes. Raises ConfigurationError where the file cannot be written."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    canvas = ImageDraw.Draw(picture)
    _text(canvas, Area(left=0, top=10, width=WIDTH, height=_HEADING), terminal.printable(heading), size=26)
    whole = Area(left=0, top=_HEADING, width=WIDTH, height=HEIGHT - _HEADING)
    for number, (box, area) in enumerate(arrange(boxes, whole)):
        _draw_box(canvas, box, area, _COLOURS[number % len(_COLOURS)])
    try:
        picture.save(path, format="PNG")
    except OSError as error:
        raise ConfigurationError(
            f"the picture {path} cannot be written: {error.strerror or error}; name another file"
        ) from error


def _draw_box(canvas: Any, box: Box, area: Area, colour: str) -> None:
    if min(area.width, area.height) < _SMALLEST:
        return
    corners = [area.left, area.top, area.left + area.width, area.top + area.height]
    canvas.rectangle(corners, fill=colour, outline=_FRAME, width=2)
    _text(canvas, area, *_labels(box), size=18 if box.inside else 15)
    below = Area(
        left=area.left + _MARGIN,
        top=area.top + _LINE + _MARGIN,
        width=area.width - 2 * _MARGIN,
        height=area.height - _LINE - 2 * _MARGIN,
    )
    for inner, place in arrange(box.inside, below):
        if min(place.width, place.height) >= _SMALLEST:
            corners = [place.left, place.top, place.left + place.width, place.top + place.height]
            canvas.rectangle(corners, outline=_FRAME, width=1)
            _text(canvas, place, *_labels(inner), size=13)


def _labels(box: Box) -> tuple[str, str]:
    label = terminal.printable(box.label)
    return f"{label}  {terminal.size(box.bytes)}", label


def _text(canvas: Any, area: Area, *texts: str, size: int) -> None:
    """Write the first text that fits the area, or else the last one, truncated."""
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    room = area.width - 2 * _MARGIN
    if area.height < size + _MARGIN or room < 3 * size:
        return
    shown = next((text for text in texts if font.getlength(text) <= room), texts[-1])
    while font.getlength(shown) > room:
        shown = shown.removesuffix("…")[:-1] + "…"
    canvas.text((area.left + _MARGIN, area.top + _MARGIN / 2), shown, fill=_INK, font=font)
