"""tidemark history"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from tidemark.cli.output import terminal
from tidemark.cli.output.entry_lines import entry_line
from tidemark.cli.output.json_output import ENTRY_FIELDS, entry_json, name_json
from tidemark.cli.support.directory_names import (
    PATH_FORMS,
    Directory,
    DirectoryNames,
)
from tidemark.cli.support.index_selection import Repository, deployment_or, no_index_yet, skipping_unreadable
from tidemark.cli.support.recovery_points_of_index import RecoveryPointsOfIndex
from tidemark.errors import PathNotFound
from tidemark.index.storage.object_store import Store
from tidemark.policy.policy import check_file_system_id

if TYPE_CHECKING:
    from tidemark.cli.support.connection import Connection
    from tidemark.index.query.history import Version
    from tidemark.index.storage.catalog import SkipIndex

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
        check_file_system_id(file_system)
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
        _answer(store, connection, file_system, directory, skip_index, as_json=as_json)


def _answer(
    store: Store,
    connection: Connection | None,
    file_system: str | None,
    directory: Directory,
    skip_index: SkipIndex,
    *,
    as_json: bool,
) -> None:
    from tidemark.index.query.history import history as versions_of
    from tidemark.index.storage.catalog import identities, newest_index

    shown = directory.from_root
    indexes = sorted(identities(store, file_system), key=lambda each: each.file_system)
    if not indexes:
        raise no_index_yet(store)
    index_points = RecoveryPointsOfIndex(connection)
    found: list[dict[str, Any]] = []
    lines: list[Text] = []
    for whose, group in groupby(indexes, key=lambda each: each.file_system):
        by_id = {identity.index_id: identity for identity in group}
        versions = versions_of(store, list(by_id.values()), shown, skip_index)
        if versions:
            heading = f"{'crawled (UTC)':<16}  {'':10}  {'modified (UTC)':<16} {'size':>7}   path"
            lines += [Text("/".join(whose), terminal.STRONG), Text(heading, terminal.QUIET)]
        before: Version | None = None
        for version in versions:
            what = _what(before, version)
            arns = [
                point.recovery_point_arn
                for index in version.indexes
                for point in index_points.of(by_id[index.index_id])
            ]
            found.append(_document(version, what, whose[2], arns))
            lines += _lines(version, what, arns)
            before = version
    if not found:
        if file_system is not None:
            newest_index(store, file_system, skip_index)  # raises IndexNotFound if there is none
        raise PathNotFound(
            f"no index has {terminal.printable(shown)}; look for it with: "
            f"tidemark search NAME --all --repository {store.url}"
        )
    if as_json:
        terminal.print_json({**name_json("path", shown), "access_point": directory.json, "versions": found})
        return
    directory.print_line()
    show = terminal.line_printer()
    for line in lines:
        show(line)


def _what(before: Version | None, version: Version) -> str:
    if version.entry is None:
        return "vanished"
    if version.unreadable:
        return "unreadable"
    if before is None or before.entry is None:
        return "appeared"
    return "readable" if before.entry == version.entry else "changed"


def _document(version: Version, what: str, file_system: str, arns: list[str]) -> dict[str, Any]:
    return {
        "file_system": file_system,
        "what": what,
        "index_ids": [index.index_id for index in version.indexes],
        "first_crawled_at": terminal.json_time(version.indexes[0].crawled_at),
        "last_crawled_at": terminal.json_time(version.indexes[-1].crawled_at),
        "recovery_point_arns": arns,
        "entry": None if version.entry is None else entry_json(version.entry),
    }


def _lines(version: Version, what: str, arns: list[str]) -> list[Text]:
    style = _STYLES[what]
    first, last = version.indexes[0], version.indexes[-1]
    line = Text.assemble((f"{terminal.minute(first.crawled_at)}  ", terminal.QUIET), (f"{what:<10}", style))
    if version.entry is None:
        return [line]
    line = Text.assemble(line, "  ", entry_line(version.entry, version.entry.path))
    number = terminal.count(len(version.indexes), "index", "indexes")
    kept = f"    {'not read by' if version.unreadable else 'in'} {number}"
    kept += f", the last crawled {terminal.minute(last.crawled_at)}" if first is not last else ""
    kept += ":" if arns else f": {first.index_id}" + (f" to {last.index_id}" if first is not last else "")
    return [line, Text(kept, terminal.QUIET), *(Text(f"    {arn}", terminal.QUIET) for arn in arns)]
