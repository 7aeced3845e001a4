"""tidemark diff"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from tidemark.answers.comparison import COUNTS, NUMBERS, SIZES, compare
from tidemark.answers.conditions import LARGEST
from tidemark.answers.directory_names import (
    PATH_FORMS,
    Directory,
    DirectoryNames,
    is_name,
)
from tidemark.answers.indexes import resolve
from tidemark.cli.output import terminal
from tidemark.cli.output.entry_lines import entry_line
from tidemark.cli.output.json_output import ENTRY_FIELDS, entry_json, name_json
from tidemark.cli.support.index_selection import Repository, print_directory_line, skipping_unreadable
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.query.diff import Change, DirectoryChanges

HELP = f"""Show the differences between two indexes.

A and B are each an index id, the ARN of a recovery point or copy, or a file system id (its newest index).
Lists the directories with the most changes directly in them, then the changes:

\b
  + only in B          > renamed
  - only in A          ? could not be read when B was made
  ~ in both, differs

The state of an entry marked ? is not known; it is shown as it was last known. What A could not read is
compared as it was last known. Renames are detected by inode, which indexes store for directories and for
files with several names; any other rename is one - and one +, as is one that leads into or out of PATH.
Entries that moved with a renamed directory and are otherwise unchanged are counted there and are not changes
of their own. If B was made directly after A, reads only B's own lists of changes.
{PATH_FORMS}

\b
  tidemark diff INDEX-ID fs-0123456789abcdef0 --under /home

JSON: from, to (the index ids), under, access_point (null, or as access-points lists it), totals with added,
removed, changed, renamed, unreadable, bytes_added, bytes_removed; directories[] with path, path_base64 and
the same; changes[] with kind (added, removed, changed, renamed, unreadable), before, before_base64 (path in
A of what was renamed, or is below a renamed directory), entries (number that moved with a renamed directory;
otherwise null), {ENTRY_FIELDS}; more (whether --limit omitted changes).
"""
_SIGNS = {
    "added": ("+", terminal.GOOD),
    "removed": ("-", terminal.BAD),
    "changed": ("~", terminal.CAREFUL),
    "renamed": (">", "cyan"),
    "unreadable": ("?", terminal.BAD),
}
_DIRECTORIES = 20  # printed at most; JSON has all of them


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="The index to compare from.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The index to compare to.")],
    under: Annotated[
        str, typer.Option("--under", metavar="PATH", help="Compare only below this directory, at any depth.")
    ] = "/",
    limit: Annotated[
        int,
        typer.Option(
            "--limit", metavar="N", min=0, max=LARGEST, help="Maximum number of changes; 0 for all."
        ),
    ] = 100,
    repository: Repository = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    with skipping_unreadable() as skip_index:
        store, before = resolve(first, repository, skip_index)
        _, after = resolve(second, repository, skip_index)
        directory = DirectoryNames(repository).resolve(under, _file_system(before, after, under))
        _answer(store, before, after, directory, limit, as_json=as_json)


def _answer(
    store: Store, before: Manifest, after: Manifest, directory: Directory, limit: int, *, as_json: bool
) -> None:
    below = directory.from_root
    compared = compare(store, before, after, below)
    changes, ranked, totals = compared.changes, compared.directories, compared.totals
    shown = changes[:limit] if limit else changes
    if as_json:
        terminal.print_json(
            {
                "from": before.index_id,
                "to": after.index_id,
                "under": below,
                "access_point": directory.json,
                "totals": totals,
                "directories": [
                    {**name_json("path", path), **{name: getattr(each, name) for name in COUNTS}}
                    for path, each in ranked
                ],
                "changes": [_change_json(change) for change in shown],
                "more": len(shown) < len(changes),
            }
        )
        return
    out, err = terminal.console(), terminal.console(stderr=True)
    for word, index in (("from", before), ("to  ", after)):
        heading = f"{word} {index.index_id}, crawled {terminal.moment(index.crawl_started_at)} UTC"
        err.print(Text(heading, terminal.QUIET), soft_wrap=True)
    print_directory_line(directory)
    if not compared.one_file_system:
        note = "! A and B are of different file systems; renames cannot be detected across file systems"
        err.print(Text(note, terminal.CAREFUL))
    if not changes:
        err.print("No differences." if below == "/" else "No differences below this directory.")
        return
    _print_directories(out, ranked, totals)
    show = terminal.line_printer()
    for change in shown:
        show(_change_line(change))
    if len(shown) < len(changes):
        err.print(Text(f"The first {limit:,} of {len(changes):,}; --limit 0 shows all.", terminal.QUIET))


def _file_system(before: Manifest, after: Manifest, under: str) -> str:
    """Return the file system of both indexes; raise BadParameter if two cannot resolve a name."""
    first, second = before.identity.file_system_id, after.identity.file_system_id
    if first != second and is_name(under):
        raise typer.BadParameter(
            f"an access point is a directory of one file system, and A and B are of {first} and {second}; "
            f"name a path from the root",
            param_hint="--under",
        )
    return second


def _change_json(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        **name_json("before", change.before),
        "entries": change.entries,
        **entry_json(change.entry),
    }


def _print_directories(
    out: Console, ranked: Sequence[tuple[str, DirectoryChanges]], totals: Mapping[str, int]
) -> None:
    numbers = NUMBERS if totals["unreadable"] else NUMBERS[:-1]
    heading = " ".join([*(f"{name:>9}" for name in numbers), f"{'+size':>8} {'-size':>8}  directory"])
    out.print(Text(heading, terminal.QUIET))
    for path, each in islice(ranked, _DIRECTORIES):
        counts = {name: getattr(each, name) for name in COUNTS}
        out.print(Text(f"{_counts(counts, numbers)}  {terminal.printable(path)}"), soft_wrap=True)
    if len(ranked) > _DIRECTORIES:
        left = terminal.count(len(ranked) - _DIRECTORIES, "more directory", "more directories")
        out.print(Text(f"{'':{heading.index('directory')}}and {left}", terminal.QUIET))
    out.print(Text(f"{_counts(totals, numbers)}  total\n", terminal.STRONG))


def _counts(counts: Mapping[str, int], names: Sequence[str]) -> str:
    numbers = [f"{counts[name]:,}" if counts[name] else "-" for name in names]
    columns = [f"{each:>{max(9, len(name))}}" for each, name in zip(numbers, names, strict=True)]
    sizes = [f"{sign}{terminal.size(counts[name])}" for sign, name in zip("+-", SIZES, strict=True)]
    weights = [each if counts[name] else "-" for each, name in zip(sizes, SIZES, strict=True)]
    return " ".join([*columns, *(f"{each:>8}" for each in weights)])


def _change_line(change: Change) -> Text:
    sign, style = _SIGNS[change.kind]
    line = Text.assemble((f"{sign} ", style), entry_line(change.entry, change.entry.path))
    if change.before is not None:
        slash = "/" if change.entry.type == "d" else ""
        line.append(f"  from {terminal.printable(change.before)}{slash}", style=terminal.QUIET)
    if change.entries:
        went = terminal.count(change.entries, "entry", "entries")
        line.append(f" ({went})", style=terminal.QUIET)
    return line
