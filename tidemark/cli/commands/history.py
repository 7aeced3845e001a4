"""tidemark history"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from tidemark.answers.directory_names import (
    PATH_FORMS,
    DirectoryNames,
)
from tidemark.answers.indexes import deployment_or
from tidemark.answers.recovery_points_of_index import RecoveryPointsOfIndex
from tidemark.answers.versions import Event, events_of
from tidemark.cli.output import terminal
from tidemark.cli.output.entry_lines import entry_line
from tidemark.cli.output.json_output import ENTRY_FIELDS, entry_json, name_json
from tidemark.cli.support.index_selection import (
    Repository,
    print_directory_line,
    print_note,
    skipping_unreadable,
)
from tidemark.errors import PathNotFound
from tidemark.policy.policy import id_of

if TYPE_CHECKING:
    pass

HELP = f"""Show every version of one path across all indexes.

PATH begins at the root of the file system. Shows when the path appeared, changed and vanished, and which
recovery points and copies hold each version, as far as sessions record them; points that are known to be
deleted are omitted. Where indexes could not read the path, it is "unreadable" and shown as it was last known;
"readable" means that this version was found again.
Without --file-system, searches every file system of the repository. Each takes about ten requests, regardless
of the number of indexes. A change that was undone between two indexes is not visible.

{PATH_FORMS}
It selects the file system, too.

\b
  tidemark history /home/ann/thesis.tex

JSON: path, path_base64, access_point (null, or as access-points lists it), versions[], each with
file_system, what (appeared, changed, vanished, unreadable or readable), index_ids[], first_crawled_at,
last_crawled_at, recovery_point_arns[], entry (null: the path did not exist; if
unreadable, the last known entry) with {ENTRY_FIELDS}.
"""
_STYLES = {
    "appeared": terminal.GOOD,
    "changed": terminal.CAREFUL,
    "vanished": terminal.BAD,
    "unreadable": terminal.BAD,
    "readable": terminal.GOOD,
}


def history(
    path: Annotated[str, typer.Argument(metavar="PATH", help="Path from the root, such as /home/a.txt.")],
    file_system: Annotated[
        str | None, typer.Option("--file-system", metavar="ID", help="Search only this file system.")
    ] = None,
    repository: Repository = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    if file_system is not None:
        file_system = id_of(file_system)
    directory = DirectoryNames(repository).resolve(path, file_system)
    shown = directory.from_root
    if directory.access_point is not None:
        file_system = directory.access_point.file_system_id
    if shown == "/":
        raise PathNotFound(
            "the root has no entry of its own in an index; name a path below it, or list it with: "
            "tidemark ls INDEX:/"
        )
    store, connection = deployment_or(repository)
    with skipping_unreadable() as skip_index:
        index_points = RecoveryPointsOfIndex(connection, print_note)
        events = events_of(store, file_system, shown, index_points, skip_index)
        if as_json:
            versions = [_document(event) for event in events]
            terminal.print_json(
                {**name_json("path", shown), "access_point": directory.json, "versions": versions}
            )
        else:
            print_directory_line(directory)
            _print(events)


def _print(events: list[Event]) -> None:
    show = terminal.line_printer()
    for whose, group in groupby(events, key=lambda each: each.file_system):
        show(Text("/".join(whose), terminal.STRONG))
        heading = f"{'crawled (UTC)':<16}  {'':10}  {'modified (UTC)':<16} {'size':>7}   path"
        show(Text(heading, terminal.QUIET))
        for event in group:
            for line in _lines(event):
                show(line)


def _document(event: Event) -> dict[str, Any]:
    version = event.version
    return {
        "file_system": event.file_system[2],
        "what": event.what,
        "index_ids": [index.index_id for index in version.indexes],
        "first_crawled_at": terminal.json_time(version.indexes[0].crawled_at),
        "last_crawled_at": terminal.json_time(version.indexes[-1].crawled_at),
        "recovery_point_arns": [point.recovery_point_arn for point in event.points],
        "entry": None if version.entry is None else entry_json(version.entry),
    }


def _lines(event: Event) -> list[Text]:
    version, arns = event.version, [point.recovery_point_arn for point in event.points]
    first, last = version.indexes[0], version.indexes[-1]
    line = Text.assemble(
        (f"{terminal.minute(first.crawled_at)}  ", terminal.QUIET), (f"{event.what:<10}", _STYLES[event.what])
    )
    if version.entry is None:
        return [line]
    line = Text.assemble(line, "  ", entry_line(version.entry, version.entry.path))
    number = terminal.count(len(version.indexes), "index", "indexes")
    kept = f"    {'not read by' if version.unreadable else 'in'} {number}"
    kept += f", the last crawled {terminal.minute(last.crawled_at)}" if first is not last else ""
    kept += ":" if arns else f": {first.index_id}" + (f" to {last.index_id}" if first is not last else "")
    return [line, Text(kept, terminal.QUIET), *(Text(f"    {arn}", terminal.QUIET) for arn in arns)]
