"""tidemark ls"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from tidemark.cli import terminal
from tidemark.cli.documents import ENTRY_FIELDS, entry_json
from tidemark.cli.indexes import resolve
from tidemark.cli.search import entry_line
from tidemark.errors import PathNotFound
from tidemark.index.escape import escape

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
    repository, manifest = resolve(source, None)
    try:
        entries = list_directory(repository, manifest, directory)
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
