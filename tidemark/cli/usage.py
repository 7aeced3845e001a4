"""tidemark usage"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tidemark.aws.clock import utc_now
from tidemark.cli import terminal
from tidemark.cli.indexes import Repository, resolve
from tidemark.errors import PathNotFound
from tidemark.index.escape import escape
from tidemark.index.store import Store

if TYPE_CHECKING:
    from tidemark.index.manifest import Manifest

HELP = """Show where the bytes are in an index.

INDEX is an index's id, a recovery point's or copy's ARN, or a file system's id (its newest index). By dir,
the directories directly in PATH with all that is below them; by ext, owner or age, the files below PATH, by
extension, by the number of the user who owns them, or by how long ago they were modified. A hard-linked file
counts at each of its names. Reads what is asked for: by dir, a small file; else two or three columns.

JSON: index_id, under, by, files, bytes (of all below PATH), rows[] with key, files, bytes; more (whether
--limit left some out). The key of files without an extension is empty, as is, by dir, that of files directly
in PATH.
"""
_BAR = 24  # characters


class By(StrEnum):
    """What is summed up by."""

    DIR = "dir"
    EXT = "ext"
    OWNER = "owner"
    AGE = "age"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One line: files and bytes of a key."""

    key: str
    files: int
    bytes: int


def usage(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="Which index.")],
    under: Annotated[
        str, typer.Option("--under", metavar="PATH", help="Only below this directory, at any depth.")
    ] = "/",
    by: Annotated[By, typer.Option("--by", metavar="KEY", help="dir, ext, owner or age.")] = By.DIR,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="At most so many lines; 0 for all.")
    ] = 30,
    repository: Repository = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    from tidemark.index.usage import directory_totals

    store, manifest = resolve(index, repository)
    below = "/" + escape(terminal.typed(under)).strip("/")
    files = size = 0
    rows: list[_Row] = []
    if manifest.parts:  # an index of nothing has no directories, not even the root
        try:
            totals = directory_totals(store, manifest, below)
        except PathNotFound as error:
            raise PathNotFound(terminal.printable(str(error))) from error  # the path may hold line ends
        files, size = totals.subtree_files, totals.subtree_bytes
        own = _Row(key="", files=totals.files, bytes=totals.bytes)
        rows = _by_directory(store, manifest, below, own) if by is By.DIR else _by(store, manifest, below, by)
    shown = rows[:limit] if limit else rows
    if as_json:
        terminal.print_json(
            {
                "index_id": manifest.index_id,
                "under": below,
                "by": by.value,
                "files": files,
                "bytes": size,
                "rows": [{"key": row.key, "files": row.files, "bytes": row.bytes} for row in shown],
                "more": len(shown) < len(rows),
            }
        )
        return
    _print(shown, by, files, size)
    if len(shown) < len(rows):
        err = terminal.console(stderr=True)
        err.print(Text(f"The first {limit:,} of {len(rows):,}; --limit 0 shows all.", terminal.QUIET))


def _by_directory(store: Store, manifest: Manifest, below: str, own: _Row) -> list[_Row]:
    """Return the directories directly in one, and what is in none of them, most bytes first."""
    from tidemark.index.usage import totals_of_subdirectories

    rows = [
        _Row(key=each.name, files=each.subtree_files, bytes=each.subtree_bytes)
        for each in totals_of_subdirectories(store, manifest, below)
    ]
    rows += [own] * (own.files > 0)
    return sorted(rows, key=lambda row: (-row.bytes, row.key))


def _by(store: Store, manifest: Manifest, below: str, by: By) -> list[_Row]:
    from tidemark.index.filters import Filters
    from tidemark.index.usage import usage_by

    kind = {By.EXT: "ext", By.OWNER: "owner", By.AGE: "age"}[by]
    found = usage_by(
        store,
        manifest,
        kind,  # type: ignore[arg-type]  # one of its three words, by the line above
        now=utc_now(),
        filters=Filters(under=below),
    )
    return [_Row(key=each.key, files=each.files, bytes=each.bytes) for each in found]


def _print(rows: Sequence[_Row], by: By, files: int, size: int) -> None:
    out = terminal.console()
    out.print(Text(f"{'size':>7} {'files':>12}  {'':{_BAR}}  {by.value}", terminal.QUIET))
    largest = max((row.bytes for row in rows), default=0)
    for row in rows:
        bar = "█" * (round(_BAR * row.bytes / largest) if largest > 0 and row.bytes > 0 else 0)
        line = Text(f"{terminal.size(row.bytes):>7} {row.files:>12,}  ")
        line.append(f"{bar:{_BAR}}", style="blue")
        line.append(f"  {_shown(row.key, by)}")
        out.print(line, soft_wrap=True)
    out.print(Text(f"{terminal.size(size):>7} {files:>12,}  {'':{_BAR}}  in all", terminal.STRONG))


def _shown(key: str, by: By) -> str:
    if by is By.DIR:
        return f"{terminal.printable(key)}/" if key else "(files directly here)"
    if by is By.EXT:
        return f".{terminal.printable(key)}" if key else "(none)"
    if by is By.AGE and key != "older":
        return f"younger than {key}"
    return key
