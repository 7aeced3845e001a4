"""tidemark search"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tidemark.cli import terminal
from tidemark.cli.connection import connect
from tidemark.cli.documents import ENTRY_FIELDS, entry_json
from tidemark.cli.indexes import index_of, no_index_yet
from tidemark.errors import IndexNotFound
from tidemark.index.entry import Entry
from tidemark.index.store import Store
from tidemark.policy.policy import check_file_system_id

if TYPE_CHECKING:  # what reads indexes takes a tenth of a second to import; other commands do without
    from tidemark.index.manifest import Manifest

HELP = f"""Find files and folders by name in an index.

PATTERN is a part of the name; with *, ? or [ in it, it is a glob for the whole name. Searches the newest
index of each file system, or of one, or one given index, straight from the repository: it reads the
names of the whole index, about 8 bytes for each file.

JSON: {{"indexes": [...], "entries": [...], "more": whether --limit left some out}}; each index with
index_id, file_system, crawled_at; each entry with index_id, {ENTRY_FIELDS}.
"""


def search(
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="What to look for.")],
    file_system: Annotated[
        str | None, typer.Option("--file-system", metavar="ID", help="Only in its newest index.")
    ] = None,
    index: Annotated[str | None, typer.Option("--index", metavar="ID", help="Only in this index.")] = None,
    ignore_case: Annotated[bool, typer.Option("--ignore-case", "-i", help="a is A.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="At most so many; 0 for all.")
    ] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    print0: Annotated[
        bool, typer.Option("--print0", help="Print bare paths as they are, each ended by a NUL byte.")
    ] = False,
) -> None:
    """See HELP."""
    if file_system is not None:
        check_file_system_id(file_system)
    if not pattern:
        raise typer.BadParameter(
            "it is empty; to list a directory, use: tidemark ls INDEX:/", param_hint="PATTERN"
        )
    from tidemark.index.search import search as names_like

    repository = connect().repository
    manifests = choose(repository, file_system, index)
    wanted = terminal.typed(pattern).decode("utf-8", "surrogateescape")
    hits = (
        (manifest, entry)
        for manifest in manifests
        for entry in names_like(repository, manifest, wanted, ignore_case=ignore_case)
    )
    if print0:
        for _, entry in islice(hits, limit or None):
            sys.stdout.buffer.write(entry.raw_path + b"\0")
    elif as_json:
        _print_json(manifests, hits, limit)
    else:
        _print(pattern, manifests, hits, limit)


def choose(repository: Store, file_system: str | None, index: str | None) -> list[Manifest]:
    """Return the indexes to search: the one given, else the newest of the file system or of each."""
    from tidemark.index.catalogue import newest_index, newest_indexes

    if index is not None:
        manifest = index_of(repository, index)
        if file_system not in (None, manifest.identity.file_system_id):
            raise IndexNotFound(f"index {index} is not of {file_system}; leave one of the two options out")
        return [manifest]
    if file_system is not None:
        return [newest_index(repository, file_system)]
    newest = newest_indexes(repository)
    if not newest:
        raise no_index_yet(repository)
    return newest


def _print_json(manifests: list[Manifest], hits: Iterator[tuple[Manifest, Entry]], limit: int) -> None:
    found = list(islice(hits, limit + 1 if limit else None))
    shown = found[:limit] if limit else found
    terminal.print_json(
        {
            "indexes": [
                {
                    "index_id": manifest.index_id,
                    "file_system": manifest.identity.file_system_id,
                    "crawled_at": terminal.json_time(manifest.crawl_started_at),
                }
                for manifest in manifests
            ],
            "entries": [{"index_id": manifest.index_id, **entry_json(entry)} for manifest, entry in shown],
            "more": len(found) > len(shown),
        }
    )


def _print(
    pattern: str, manifests: list[Manifest], hits: Iterator[tuple[Manifest, Entry]], limit: int
) -> None:
    out, err = terminal.console(), terminal.console(stderr=True)
    shown, current, more = 0, None, False
    for manifest, entry in hits:
        if limit and shown == limit:
            more = True
            break
        if manifest is not current:
            err.print(
                Text(f"{manifest.index_id}, crawled {terminal.moment(manifest.crawl_started_at)} UTC", "dim")
            )
            current = manifest
        out.print(entry_line(entry, entry.path), soft_wrap=True)
        shown += 1
    if more:
        err.print(Text(f"The first {limit:,}; --limit 0 shows all.", terminal.QUIET))
    elif not shown:
        where = f"index {manifests[0].index_id}" if len(manifests) == 1 else f"{len(manifests)} indexes"
        err.print(f"No name in {where} matches {terminal.printable(pattern)!r}.", soft_wrap=True)


def entry_line(entry: Entry, shown: str) -> Text:
    """Return an entry as a line: time, size, path; a directory's ends with a slash."""
    amount = "-" if entry.type == "d" else terminal.size(entry.size)
    text = Text(f"{entry.mtime:%Y-%m-%d %H:%M}  {amount:>7}  ", terminal.QUIET)
    style = {"d": "blue", "l": "cyan", "f": ""}.get(entry.type, terminal.CAREFUL)
    text.append(terminal.printable(shown) + ("/" if entry.type == "d" else ""), style=style)
    if entry.type == "l":
        text.append(f" -> {terminal.printable(entry.target or '')}", style=terminal.QUIET)
    elif entry.type not in "df":
        kinds = {"p": "FIFO", "s": "socket", "c": "character device", "b": "block device"}
        text.append(f"  ({kinds.get(entry.type, entry.type)})", style=terminal.QUIET)
    return text
