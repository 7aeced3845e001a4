"""tidemark ls"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tidemark.cli import terminal
from tidemark.cli.connection import Connection, connect
from tidemark.cli.documents import ENTRY_FIELDS, entry_json
from tidemark.cli.search import entry_line, index_of
from tidemark.errors import PathNotFound, RecoveryPointNotFound
from tidemark.index.escape import escape
from tidemark.policy.policy import FILE_SYSTEM_ID
from tidemark.sessions.ledger import associations_of

if TYPE_CHECKING:
    from tidemark.index.manifest import Manifest

HELP = f"""List one directory as it was in a backup.

WHERE is an index's id, a recovery point's or copy's ARN (its index is listed), or a file system's id
(its newest index), followed by :/ and the path; without one, the root is listed. Bytes that are not text
are written \\xNN, as they are shown.

JSON: index_id, path, entries[], each with {ENTRY_FIELDS}.
"""


def ls(
    where: Annotated[str, typer.Argument(metavar="WHERE:/PATH", help="What to list.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    from tidemark.index.browse import list_directory

    source, separator, path = where.partition(":/")
    directory = escape(terminal.typed(f"/{path}" if separator else "/"))
    connection = connect()
    manifest = _index(connection, source)
    try:
        entries = list_directory(connection.repository, manifest, directory)
    except PathNotFound as error:
        raise PathNotFound(terminal.printable(str(error))) from error  # the path may hold line ends
    if as_json:
        terminal.print_json(
            {
                "index_id": manifest.index_id,
                "path": directory,
                "entries": [entry_json(entry) for entry in entries],
            }
        )
        return
    out = terminal.console()
    empty = True
    for entry in entries:
        out.print(entry_line(entry, entry.name), soft_wrap=True)
        empty = False
    if empty:
        terminal.console(stderr=True).print(Text("an empty directory", terminal.QUIET))


def _index(connection: Connection, source: str) -> Manifest:
    """Return the index that an index id, a recovery point's ARN or a file system's id stands for."""
    from tidemark.index.catalogue import newest_index, open_index

    if source.startswith("arn:"):
        association = next(associations_of(connection.records, source), None)
        if association is None:
            raise RecoveryPointNotFound(
                f"no index describes {terminal.printable(source)}; see the points and their indexes with: "
                f"tidemark recovery-points FILE-SYSTEM"
            )
        return open_index(connection.repository, association.index_id)
    if FILE_SYSTEM_ID.fullmatch(source):
        return newest_index(connection.repository, source)
    return index_of(connection.repository, source)
