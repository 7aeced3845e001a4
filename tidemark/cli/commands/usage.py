"""tidemark usage"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.output.encoding import sign
from tidemark.cli.output.json_output import name_json
from tidemark.cli.support.directory_names import PATH_FORMS, DirectoryNames
from tidemark.cli.support.extras import require_plot
from tidemark.cli.support.filter_options import LARGEST
from tidemark.cli.support.index_selection import Repository, note_hard_links, opened, print_index_line
from tidemark.errors import PathNotFound
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from tidemark.index.format.entry import Entry
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.query.usage import DirectoryTotals

HELP = f"""Show how the bytes of an index are distributed.

INDEX is an index id, the ARN of a recovery point or copy, or a file system id (its newest index). --by dir
lists the directories directly in PATH, each with everything below it. --by ext, owner or age groups the files
below PATH by extension, by the owner's user id, or by the time since they were modified. Then lists the
largest files below PATH, and the directories with the most bytes directly in them. A hard-linked file counts
once for each of its names; where that makes a difference, a line shows the size of the index with each file
counted once, as "index list" and "index show" count. Reads only what it needs: small files for directories,
otherwise two or three columns. {PATH_FORMS}

With --plot, also draws a treemap, in which areas are proportional to bytes; this needs the extra
tidemark[plot].

\b
  tidemark usage fs-0123456789abcdef0 --under /home --by age --plot home.png

JSON: index_id, under, access_point (null, or as access-points lists it), by, files, bytes (of everything
below PATH), index_bytes_each_name and index_bytes_once (of the whole index, with a hard-linked file counted
once for each of its names, as in all other fields, and once); rows[] with key, key_base64, files, bytes; more
(whether --limit omitted rows);
largest_files[] with path, path_base64, bytes; largest_directories[] with path, path_base64, files, bytes
(directly in each). The key is empty for files without an extension and, by dir, for files directly in PATH.
"""
_BAR = 24  # characters
_DRAWN_INSIDE = 12  # directories in a treemap that show their subdirectories: each costs a request


class By(StrEnum):
    """What the rows of a summary stand for."""

    DIR = "dir"
    EXT = "ext"
    OWNER = "owner"
    AGE = "age"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """The files and bytes of one key."""

    key: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """The summary of everything below a directory."""

    files: int = 0
    bytes: int = 0
    index_bytes_each_name: int = 0
    index_bytes_once: int = 0
    rows: Sequence[_Row] = ()
    largest_files: Sequence[Entry] = ()
    largest_directories: Sequence[DirectoryTotals] = ()


def usage(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="Index id, ARN or file system id.")],
    under: Annotated[
        str,
        typer.Option("--under", metavar="PATH", help="Summarize only below this directory, at any depth."),
    ] = "/",
    by: Annotated[By, typer.Option("--by", metavar="KEY", help="Group by dir, ext, owner or age.")] = By.DIR,
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", min=0, max=LARGEST, help="Maximum number of rows; 0 for all."),
    ] = 30,
    largest: Annotated[
        int,
        typer.Option(
            "--largest",
            metavar="N",
            min=0,
            max=LARGEST,
            help="Number of largest files and directories; 0 for none.",
        ),
    ] = 5,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Write a treemap to FILE.png.")
    ] = None,
    repository: Repository = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    if plot is not None:
        if plot.suffix.lower() != ".png":
            raise typer.BadParameter(
                "treemaps are PNG files; name a file that ends in .png", param_hint="--plot"
            )
        require_plot("usage --plot")
    with opened(index, repository) as (store, manifest):
        directory = DirectoryNames(repository).resolve(under, manifest.identity.file_system_id)
        below = directory.from_root
        answer = _sum_up(store, manifest, below, by, largest)
        shown = answer.rows[:limit] if limit else answer.rows
        if as_json:
            terminal.print_json(
                {
                    "index_id": manifest.index_id,
                    "under": below,
                    "access_point": directory.json,
                    "by": by.value,
                    **_json(answer, shown),
                }
            )
        else:
            print_index_line(manifest)
            directory.print_line()
            _print(answer, shown, by)
            if not answer.files:
                terminal.console(stderr=True).print(Text(f"no file below {terminal.printable(below)}"))
        if plot is not None:
            _plot(store, manifest, below, by, answer.rows, plot)


def _sum_up(store: Store, manifest: Manifest, below: str, by: By, largest: int) -> _Answer:
    from tidemark.index.query.usage import directory_totals, largest_directories, largest_files

    if not manifest.parts:  # an empty index has no directories, not even the root
        return _Answer()
    try:
        totals = directory_totals(store, manifest, below)
    except PathNotFound as error:
        raise PathNotFound(terminal.printable(str(error))) from error  # the path may hold line ends
    whole = totals if below == "/" else directory_totals(store, manifest, "/")
    own = _Row(key="", files=totals.files, bytes=totals.bytes)
    rows = _by_directory(store, manifest, below, own) if by is By.DIR else _by(store, manifest, below, by)
    wanted = largest and rows
    return _Answer(
        files=totals.subtree_files,
        bytes=totals.subtree_bytes,
        index_bytes_each_name=whole.subtree_bytes,
        index_bytes_once=manifest.totals.bytes,
        rows=rows,
        largest_files=largest_files(store, manifest, under=below, limit=largest) if wanted else (),
        largest_directories=largest_directories(store, manifest, under=below, limit=largest)
        if wanted
        else (),
    )


def _json(answer: _Answer, shown: Sequence[_Row]) -> dict[str, Any]:
    return {
        "files": answer.files,
        "bytes": answer.bytes,
        "index_bytes_each_name": answer.index_bytes_each_name,
        "index_bytes_once": answer.index_bytes_once,
        "rows": [{**name_json("key", row.key), "files": row.files, "bytes": row.bytes} for row in shown],
        "more": len(shown) < len(answer.rows),
        "largest_files": [
            {**name_json("path", each.path), "bytes": each.size} for each in answer.largest_files
        ],
        "largest_directories": [
            {**name_json("path", each.path), "files": each.files, "bytes": each.bytes}
            for each in answer.largest_directories
        ],
    }


def _by_directory(store: Store, manifest: Manifest, below: str, own: _Row) -> list[_Row]:
    """Return the directories directly in `below`, and `own` if it has files, by bytes in descending order."""
    rows = _directories_of(store, manifest, below) + [own] * (own.files > 0)
    return sorted(rows, key=lambda row: (-row.bytes, row.key))


def _directories_of(store: Store, manifest: Manifest, path: str) -> list[_Row]:
    from tidemark.index.query.usage import totals_of_subdirectories

    return [
        _Row(key=each.name, files=each.subtree_files, bytes=each.subtree_bytes)
        for each in totals_of_subdirectories(store, manifest, path)
    ]


def _by(store: Store, manifest: Manifest, below: str, by: By) -> list[_Row]:
    from tidemark.index.query.usage import usage_by
    from tidemark.index.reading.filters import Filters

    kind = {By.EXT: "ext", By.OWNER: "owner", By.AGE: "age"}[by]
    found = usage_by(
        store,
        manifest,
        kind,  # type: ignore[arg-type]  # one of its three values, see the line above
        now=utc_now(),
        filters=Filters(under=below),
    )
    return [_Row(key=each.key, files=each.files, bytes=each.bytes) for each in found]


def _print(answer: _Answer, shown: Sequence[_Row], by: By) -> None:
    out, err = terminal.console(), terminal.console(stderr=True)
    out.print(Text(f"{'size':>7} {'files':>12}  {'':{_BAR}}  {by.value}", terminal.QUIET))
    largest = max((row.bytes for row in shown), default=0)
    for row in shown:
        bar = sign("█", "#") * (round(_BAR * row.bytes / largest) if largest > 0 and row.bytes > 0 else 0)
        line = Text(f"{terminal.size(row.bytes):>7} {row.files:>12,}  ")
        line.append(f"{bar:{_BAR}}", style="blue")
        line.append(f"  {_shown(row.key, by)}")
        out.print(line, soft_wrap=True)
    total = f"{terminal.size(answer.bytes):>7} {answer.files:>12,}  {'':{_BAR}}  total"
    out.print(Text(total, terminal.STRONG))
    note_hard_links(answer.index_bytes_each_name, answer.index_bytes_once)
    _print_largest("largest files", [(each.size, None, each.path) for each in answer.largest_files])
    _print_largest(
        "directories with the most bytes directly in them",
        [(each.bytes, each.files, f"{each.path.rstrip('/')}/") for each in answer.largest_directories],
    )
    if len(shown) < len(answer.rows):
        left = f"The first {len(shown):,} of {len(answer.rows):,}; --limit 0 shows all."
        err.print(Text(left, terminal.QUIET))


def _print_largest(what: str, lines: list[tuple[int, int | None, str]]) -> None:
    if lines:
        show = terminal.line_printer()
        show(Text(f"\n{'size':>7} {'files':>12}  {what}", terminal.QUIET))
        for size, files, path in lines:
            number = "" if files is None else f"{files:,}"
            show(Text(f"{terminal.size(size):>7} {number:>12}  {terminal.printable(path)}"))


def _plot(store: Store, manifest: Manifest, below: str, by: By, rows: Sequence[_Row], path: Path) -> None:
    """Draw all rows, and what is directly in the largest directories."""
    from tidemark.cli.output.treemap import Box, draw

    boxes: list[Box] = []
    for number, row in enumerate(rows):
        inside: tuple[Box, ...] = ()
        if by is By.DIR and row.key and number < _DRAWN_INSIDE:
            found = _directories_of(store, manifest, f"{below.rstrip('/')}/{row.key}")
            inside = tuple(Box(label=f"{each.key}/", bytes=each.bytes) for each in found)
            rest = row.bytes - sum(each.bytes for each in found)
            inside += (Box(label="(files)", bytes=rest),) * bool(found)
        boxes.append(Box(label=_shown(row.key, by), bytes=row.bytes, inside=inside))
    total = terminal.size(sum(row.bytes for row in rows))
    draw(boxes, f"{manifest.index_id}  {below}  {total} by {by.value}", path)
    note = Text.assemble((f"{terminal.done()} ", terminal.GOOD), f"wrote {terminal.printable(str(path))}")
    terminal.console(stderr=True).print(note, soft_wrap=True)


def _shown(key: str, by: By) -> str:
    if by is By.DIR:
        return f"{terminal.printable(key)}/" if key else "(files directly here)"
    if by is By.EXT:
        return f".{terminal.printable(key)}" if key else "(none)"
    if by is By.AGE and key != "older":
        return f"younger than {key}"
    return key
