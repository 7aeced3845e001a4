"""tidemark usage"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from tidemark.answers.conditions import LARGEST
from tidemark.answers.directory_names import PATH_FORMS, DirectoryNames
from tidemark.answers.treemap import boxes_of
from tidemark.answers.usage import By, Row, Summary, label_of, summary_of
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.output.encoding import sign
from tidemark.cli.output.json_output import name_json
from tidemark.cli.support.extras import require_plot
from tidemark.cli.support.index_selection import (
    Repository,
    note_hard_links,
    opened,
    print_directory_line,
    print_index_line,
)
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest

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
        answer = summary_of(store, manifest, below, by, largest=largest, now=utc_now())
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
            print_directory_line(directory)
            _print(answer, shown, by)
            if not answer.files:
                terminal.console(stderr=True).print(Text(f"no file below {terminal.printable(below)}"))
        if plot is not None:
            _plot(store, manifest, below, by, answer.rows, plot)


def _json(answer: Summary, shown: Sequence[Row]) -> dict[str, Any]:
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


def _print(answer: Summary, shown: Sequence[Row], by: By) -> None:
    out, err = terminal.console(), terminal.console(stderr=True)
    out.print(Text(f"{'size':>7} {'files':>12}  {'':{_BAR}}  {by.value}", terminal.QUIET))
    largest = max((row.bytes for row in shown), default=0)
    for row in shown:
        bar = sign("█", "#") * (round(_BAR * row.bytes / largest) if largest > 0 and row.bytes > 0 else 0)
        line = Text(f"{terminal.size(row.bytes):>7} {row.files:>12,}  ")
        line.append(f"{bar:{_BAR}}", style="blue")
        line.append(f"  {terminal.printable(label_of(row.key, by))}")
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


def _plot(store: Store, manifest: Manifest, below: str, by: By, rows: Sequence[Row], path: Path) -> None:
    """Draw all rows, and what is directly in the largest directories."""
    from tidemark.cli.output.treemap import draw

    boxes = boxes_of(store, manifest, below, by, rows)
    total = terminal.size(sum(row.bytes for row in rows))
    draw(boxes, f"{manifest.index_id}  {below}  {total} by {by.value}", path)
    note = Text.assemble((f"{terminal.done()} ", terminal.GOOD), f"wrote {terminal.printable(str(path))}")
    terminal.console(stderr=True).print(note, soft_wrap=True)
