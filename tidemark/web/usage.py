"""Where the bytes are: a treemap to drill into, and sums by extension, owner and age."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask import request
from flask.typing import ResponseReturnValue

from tidemark.answers.requests import InvalidRequest
from tidemark.answers.treemap import Area, Box, arrange, boxes_of
from tidemark.answers.usage import By, Summary, label_of, summary_of
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import Manifest
from tidemark.index.query.usage import largest_files
from tidemark.index.storage.object_store import Store
from tidemark.web.commands import command_line, option
from tidemark.web.crumbs import crumbs_of
from tidemark.web.source import Source
from tidemark.web.state import READ, Route, state
from tidemark.web.streaming import streamed
from tidemark.web.work import Step

# The size of the treemap, in about pixels: the stylesheet shows the picture that suits the screen.
SIZES = {"wide": (1200, 620), "narrow": (360, 480)}
_HEADING, _MARGIN = 24, 4
_LETTER = 7.4  # width of a letter in these units
_FEWEST_LETTERS = 5  # of a label that does not fit
_SMALLEST = 4  # narrower boxes are not drawn
_COLOURS = 8  # classes of the stylesheet
_ROWS = 200
_LARGEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A rectangle of the treemap."""

    box: Box
    area: Area
    label: str  # as much as fits; empty if nothing does
    colour: int
    inside: list[Drawn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A treemap: its name in the stylesheet, its size and its rectangles."""

    name: str
    width: int
    height: int
    drawn: list[Drawn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The summary of a directory, and its treemap for wide and for narrow screens."""

    summary: Summary
    pictures: list[Picture]
    by: By

    @property
    def rows(self) -> list[tuple[str, str, int, int, float]]:
        """The first rows: label, key, files, bytes and share in percent."""
        whole = max((row.bytes for row in self.summary.rows), default=0) or 1
        return [
            (label_of(row.key, self.by), row.key, row.files, row.bytes, max(100 * row.bytes / whole, 0))
            for row in self.summary.rows[:_ROWS]
        ]


def page() -> ResponseReturnValue:
    """Show where the bytes of a directory are."""
    source = state().source
    index = _index(source)
    path = f"/{request.args.get('path', '/').strip('/')}"
    try:
        by = By(request.args.get("by", By.DIR))
    except ValueError as error:
        raise InvalidRequest("group by dir, ext, owner or age", option="--by") from error
    now = source.now()

    def compute(store: Store) -> Answer:
        summary = summary_of(store, index, path, by, largest=0, now=now)
        boxes = boxes_of(store, index, path, by, summary.rows)
        pictures = [
            Picture(name=name, width=width, height=height, drawn=drawn_of(boxes, width, height))
            for name, (width, height) in SIZES.items()
        ]
        return Answer(summary=summary, pictures=pictures, by=by)

    def largest(store: Store) -> list[Entry]:
        return largest_files(store, index, under=path, limit=_LARGEST) if index.parts else []

    # Ages are relative to now, so their sums are valid for a day at most.
    key = ("usage", index.index_id, path, by, now.date() if by is By.AGE else None)
    work = state().works.start(key, source.store, compute)

    def largest_steps() -> Iterator[Step]:
        # After the sums, which are shown first: it reads more, and both at the same time take more memory.
        yield from state().works.start(("largest", index.index_id, path), source.store, largest).steps()

    return streamed(
        "usage.html",
        index=index,
        path=path,
        by=by.value,
        crumbs=crumbs_of(path),
        series=list(reversed(source.series(index))),
        file_systems=source.newest(),
        steps=work.steps(),
        largest=largest_steps(),
        command=command_line(
            "usage",
            index.index_id,
            options=[
                *option("--under", path if path != "/" else None),
                *option("--by", by.value if by is not By.DIR else None),
            ],
            repository_url=source.repository_url,
        ),
    )


def drawn_of(boxes: list[Box], width: int, height: int) -> list[Drawn]:
    """Return the rectangles of a treemap; each directory contains those of its subdirectories."""
    whole = Area(left=0, top=0, width=width, height=height)
    drawn = []
    for number, (box, area) in enumerate(arrange(boxes, whole)):
        if min(area.width, area.height) < _SMALLEST:
            continue
        below = Area(
            left=area.left + _MARGIN,
            top=area.top + _HEADING,
            width=area.width - 2 * _MARGIN,
            height=area.height - _HEADING - _MARGIN,
        )
        inside = [
            Drawn(
                box=inner, area=place, label=_fitting(inner.label, place), colour=number % _COLOURS, inside=[]
            )
            for inner, place in arrange(box.inside, below)
            if min(place.width, place.height) >= _SMALLEST
        ]
        drawn.append(
            Drawn(
                box=box, area=area, label=_fitting(box.label, area), colour=number % _COLOURS, inside=inside
            )
        )
    return drawn


def _fitting(label: str, area: Area) -> str:
    letters = int((area.width - 2 * _MARGIN) / _LETTER)
    if area.height < _HEADING - 4 or letters < min(len(label), _FEWEST_LETTERS):
        return ""
    return label if len(label) <= letters else f"{label[: letters - 1]}…"


def _index(source: Source) -> Manifest:
    if wanted := request.args.get("index"):
        return source.index(wanted)
    return max(source.newest(request.args.get("file_system") or None), key=lambda each: each.crawl_started_at)


LABEL = "Where the bytes are"
ROUTES: tuple[Route, ...] = (("/usage", "usage", page, READ),)
