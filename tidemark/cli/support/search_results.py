"""Print matches of a search as they are found: as text, as JSON lines, or as raw paths."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tidemark.answers.finding import Found, first_and_last_point
from tidemark.answers.recovery_points_of_index import RecoveryPointsOfIndex
from tidemark.cli.output import terminal
from tidemark.cli.output.entry_lines import entry_line
from tidemark.cli.output.json_output import entry_json
from tidemark.cli.support.index_selection import print_index_line

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest


def print_bare(found: Iterator[Found]) -> int:
    """Print the raw bytes of each path, followed by NUL; return the number of matches."""
    number = 0
    for number, each in enumerate(found, 1):  # noqa: B007 - it is what is returned
        sys.stdout.buffer.write(each.entry.raw_path + b"\0")
    return number


def print_json_lines(found: Iterator[Found], index_points: RecoveryPointsOfIndex | None) -> int:
    """Print one JSON object per match, with its points if `index_points` is given; return their number."""
    number = 0
    for number, each in enumerate(found, 1):  # noqa: B007 - it is what is returned
        identity = each.manifest.identity
        document = {
            "index_id": identity.index_id,
            "file_system": identity.file_system_id,
            **entry_json(each.entry),
        }
        if index_points is not None:
            document |= _held_json(each, index_points)
        sys.stdout.write(json.dumps(document) + "\n")
    return number


def print_lines(found: Iterator[Found], index_points: RecoveryPointsOfIndex | None) -> int:
    """Print each match as a line, followed by its points if `index_points` is given; return their number."""
    show = terminal.line_printer()
    current: Manifest | None = None
    number = 0
    for number, each in enumerate(found, 1):  # noqa: B007 - it is what is returned
        if index_points is None and each.manifest is not current:
            current = each.manifest
            print_index_line(current)
        show(entry_line(each.entry, each.entry.path))
        if index_points is not None:
            for line in _held_lines(each, index_points):
                show(Text(line, terminal.QUIET))
    return number


def _held_json(found: Found, index_points: RecoveryPointsOfIndex) -> Mapping[str, Any]:
    points = first_and_last_point(found, index_points)
    return {
        "first_index_id": found.held_by[0].index_id,
        "last_index_id": found.held_by[-1].index_id,
        "indexes": len(found.held_by),
        "first_recovery_point_arn": points[0][1].recovery_point_arn if points else None,
        "last_recovery_point_arn": points[1][1].recovery_point_arn if points else None,
    }


def _held_lines(found: Found, index_points: RecoveryPointsOfIndex) -> Iterator[str]:
    points = first_and_last_point(found, index_points)
    if points is None:
        first, last = found.held_by[0], found.held_by[-1]
        begin, end = first.index_id, last.index_id
        none = ", whose recovery points are unknown or deleted" if index_points.possible else ""
    else:
        (first, oldest), (last, newest) = points
        begin, end, none = oldest.recovery_point_arn, newest.recovery_point_arn, ""
    times = [terminal.minute(each.crawl_started_at) for each in (first, last)]
    if begin == end:
        yield f"    only   {times[0]}  {begin}{none}"
        return
    yield f"    first  {times[0]}  {begin}"
    yield f"    last   {times[1]}  {end}, in {terminal.count(len(found.held_by), 'index', 'indexes')}{none}"
