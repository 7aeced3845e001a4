"""tidemark ls"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from tidemark.answers.conditions import LARGEST
from tidemark.answers.directory_names import Directory, DirectoryNames, is_name
from tidemark.answers.listing import Sort, after_name, in_order_of, listing_of, size_of
from tidemark.cli.output import terminal
from tidemark.cli.output.entry_lines import entry_line
from tidemark.cli.output.json_output import ENTRY_FIELDS, entry_json, name_json
from tidemark.cli.support.index_selection import (
    Repository,
    note_hard_links,
    opened,
    print_directory_line,
    print_index_line,
)
from tidemark.escape import escape
from tidemark.index.format.entry import Entry

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.query.usage import DirectoryTotals

HELP = f"""List a directory, or a file, as it was in a backup.

WHERE is an index id, the ARN of a recovery point or copy (lists its index), or a file system id (its newest
index), followed by :/ and the path. Without a path, lists the root. WHERE:accesspoint:NAME[:/PATH] and
WHERE:pvc:[NAMESPACE/]NAME[:/PATH] list the directory of an access point, see: access-points. Without WHERE:,
they select the file system, too. Bytes that are not text are written \\xNN, as in the output. The size of a
directory is that of all files below it; a hard-linked file counts once for each of its names. Times are UTC.

\b
  tidemark ls fs-0123456789abcdef0:/home --sort size --limit 20
  tidemark ls pvc:shop/uploads:/2026

JSON: index_id, path, path_base64, access_point (null, or as access-points lists it), unreadable (whether
parts of the directory could not be read), more (whether --limit omitted entries),
entries[], each with {ENTRY_FIELDS}; for directories also subtree_bytes, subtree_files,
subtree_entries (otherwise null).
"""


_PATH_AFTER_ID = re.compile(":")
_PATH_AFTER_ARN = re.compile(":(?=/|accesspoint:|pvc:)")


def ls(
    where: Annotated[str, typer.Argument(metavar="WHERE:/PATH", help="Index and path to list.")],
    repository: Repository = None,
    sort: Annotated[
        Sort,
        typer.Option("--sort", metavar="KEY", help="name, size (largest first) or mtime (newest first)."),
    ] = Sort.NAME,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", metavar="N", min=0, max=LARGEST, help="Maximum number of entries; 0 for all."
        ),
    ] = 0,
    after: Annotated[
        str | None, typer.Option("--after", metavar="NAME", help="Start after this entry, for the next page.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    names = DirectoryNames(repository)
    source, path = _parsed(where)
    if not source:
        named = names.resolve(path)
        source = named.access_point.file_system_id if named.access_point is not None else source
    behind = None if after is None else escape(terminal.typed(after)).rstrip("/")
    from tidemark.index.query.refused_paths import refused

    with opened(source, repository) as (store, manifest):
        named = names.resolve(path, manifest.identity.file_system_id)
        directory = _from_root(named)
        listing, totals = listing_of(store, manifest, directory)
        page = in_order_of(sort, listing, totals)
        if behind is not None:
            page = after_name(page, sort, behind)
        entries = islice(page, limit or None)
        unreadable = refused(store, manifest, directory)
        if as_json:
            documents = [_entry_json(entry, totals) for entry in entries]
            more = next(page, None) is not None
            terminal.print_json(
                {
                    "index_id": manifest.index_id,
                    **name_json("path", directory),
                    "access_point": named.json,
                    "unreadable": unreadable,
                    "more": more,
                    "entries": documents,
                }
            )
        else:
            print_index_line(manifest)
            print_directory_line(named)
            once = manifest.totals.bytes if directory == "/" and behind is None else None
            _print(entries, page, totals, after=behind is not None, once=once, unreadable=unreadable)
            if unreadable:
                _warn_unreadable(manifest, directory)


def _warn_unreadable(manifest: Manifest, directory: str) -> None:
    path = shlex.quote(f"{terminal.printable(directory.rstrip('/'))}/NAME")
    note = (
        f"! parts of this directory could not be read when the index was made; show what was last known: "
        f"tidemark history {path} --file-system {manifest.identity.file_system_id}"
    )
    terminal.console(stderr=True).print(Text(note, terminal.CAREFUL), soft_wrap=True)


def _parsed(where: str) -> tuple[str, str]:
    """Return the index and the path of WHERE:/PATH, as typed; ids hold no colon, ARNs do.

    The index is empty if the path is a name that selects the file system, too.
    """
    if is_name(where):
        return "", where
    source, path = where, ""
    if found := (_PATH_AFTER_ARN if where.startswith("arn:") else _PATH_AFTER_ID).search(where):
        source, path = where[: found.start()], where[found.end() :]
    if "/" in source and not source.startswith("arn:"):
        known, _, rest = source.partition("/")
        raise typer.BadParameter(
            f"write the path after a colon: {terminal.printable(f'{known}:/{rest}')}",
            param_hint="WHERE:/PATH",
        )
    return source, path


def _from_root(directory: Directory) -> str:
    return f"/{directory.path.removeprefix('/')}"


def _entry_json(entry: Entry, totals: dict[str, DirectoryTotals]) -> dict[str, Any]:
    below = totals.get(entry.name) if entry.type == "d" else None
    return {
        **entry_json(entry),
        "subtree_bytes": below.subtree_bytes if below else None,
        "subtree_files": below.subtree_files if below else None,
        "subtree_entries": below.subtree_entries if below else None,
    }


def _print(
    entries: Iterator[Entry],
    rest: Iterator[Entry],
    totals: dict[str, DirectoryTotals],
    *,
    after: bool,
    once: int | None,
    unreadable: bool,
) -> None:
    """Print entries, then a note on an empty page, further pages or hard links.

    `rest` holds the entries of further pages. `once` is the number of bytes below the entries if a
    hard-linked file counts once, or None if that is not known.
    """
    show, err = terminal.line_printer(), terminal.console(stderr=True)
    last: Entry | None = None
    size = 0
    for entry in entries:
        below = totals.get(entry.name) if entry.type == "d" else None
        show(entry_line(entry, entry.name, subtree_bytes=None if below is None else below.subtree_bytes))
        size += size_of(entry, totals) if entry.type in "fd" else 0
        last = entry
    if last is None:
        empty = "no readable entries" if unreadable else "an empty directory"
        err.print(Text("no more entries" if after else empty, terminal.QUIET))
    elif next(rest, None) is not None:
        name = shlex.quote(terminal.printable(last.name))
        err.print(Text(f"There is more: --after {name}", terminal.QUIET), soft_wrap=True)
    elif once is not None:
        note_hard_links(size, once)
