"""tidemark search"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tidemark.answers import conditions
from tidemark.answers.directory_names import (
    PATH_FORMS,
    Directory,
    DirectoryNames,
)
from tidemark.answers.finding import Question, check_under, find, find_in_all
from tidemark.answers.indexes import deployment_or, every_index, newest_of, resolve
from tidemark.answers.recovery_points_of_index import RecoveryPointsOfIndex
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.output.json_output import ENTRY_FIELDS
from tidemark.cli.support import search_results
from tidemark.cli.support.index_selection import (
    Repository,
    print_directory_line,
    print_note,
    skipping_unreadable,
)
from tidemark.errors import IndexNotFound
from tidemark.index.storage.object_store import Store
from tidemark.policy.policy import id_of

if TYPE_CHECKING:
    from tidemark.answers.connection import Connection
    from tidemark.index.format.manifest import Manifest

HELP = f"""Find files and folders by name in an index.

PATTERN is part of a name or, with *, ? or [ in it, a glob for the whole name. Without PATTERN, the options
alone select. Searches the newest index of each file system; --file-system or --index selects one. Reads
directly from the repository, and only the parts of an index that can contain matches. With --all, searches
every index and shows each path once, with the first and the last recovery point or copy that holds it, as far
as sessions record them; points that are known to be deleted are omitted. Prints matches as they are found.

In PATTERN, \\xNN is one byte, as in printed names: 'caf\\xe9' finds a name that is not valid UTF-8. A literal
backslash before an x is \\x5c. Wildcards match a byte that is not valid UTF-8 as one character. With --regex,
\\x80 to \\xff are such bytes, the others are as in RE2; a character by its number is \\x{{e9}}.

Sizes are in bytes, or in k, M, G, T (powers of 1000) or Ki, Mi, Gi, Ti (powers of 1024): +1G is at least that
size, -10k at most, 10k exactly; if given twice, both must match. Times are UTC, 2026-11-22 or
2026-11-22T02:00, or ages: 90min, 12h, 30d, 2w, 1y.

{PATH_FORMS}
It selects the file system, too.

\b
  tidemark search invoice --ext pdf --under /home
  tidemark search '*.log' --size +1G --older 90d --all
  tidemark search --newer 12h --type f --print0 | xargs -0 ...

JSON: one object per line, each with index_id, file_system, {ENTRY_FIELDS}; with --all also first_index_id,
last_index_id, indexes (number that hold the path), first_recovery_point_arn, last_recovery_point_arn (null:
not known). With --count, one object: indexes[] with index_id, file_system, crawled_at; access_point
(null, or as access-points lists it); count.
"""
_FOR_PEOPLE = 100  # lines; more would scroll off the screen


def search(
    pattern: Annotated[
        str | None, typer.Argument(metavar="PATTERN", help="Part of a name, or a glob.")
    ] = None,
    file_system: Annotated[
        str | None, typer.Option("--file-system", metavar="ID", help="Search only this file system.")
    ] = None,
    index: Annotated[
        str | None,
        typer.Option(
            "--index", metavar="ID", help="Search only this index, or that of a recovery point (its ARN)."
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Search all indexes, not only the newest.")] = False,
    repository: Repository = None,
    exact: Annotated[bool, typer.Option("--exact", help="Match PATTERN with the whole name.")] = False,
    regex: Annotated[
        bool,
        typer.Option("--regex", help="Match PATTERN as a regular expression (RE2), anywhere in the name."),
    ] = False,
    ignore_case: Annotated[
        bool, typer.Option("--ignore-case", "-i", help="Ignore case as Unicode folds it, in all modes.")
    ] = False,
    ext: Annotated[
        str | None, typer.Option("--ext", metavar="EXT", help="Match names that end in .EXT.")
    ] = None,
    under: Annotated[
        str | None, typer.Option("--under", metavar="PATH", help="Search below this directory, at any depth.")
    ] = None,
    types: Annotated[
        str | None,
        typer.Option("--type", metavar="T", help="Match f, d, l, p, s, c or b, as in find; or several: f,l."),
    ] = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option(
            "--size", metavar="SIZE", help="Match sizes such as +1G, -10k, or 0 (exactly); repeatable."
        ),
    ] = None,
    newer: Annotated[
        str | None,
        typer.Option("--newer", metavar="TIME", help="Match what was modified at this time or later."),
    ] = None,
    older: Annotated[
        str | None, typer.Option("--older", metavar="TIME", help="Match what was modified before this time.")
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="UID[:GID]", help="Match numeric owners: 1000, 1000:100 or :100."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=0,
            max=conditions.LARGEST,
            help="Stop after N matches; 0 for all. Default: 100, or all with --json or --print0.",
        ),
    ] = None,
    count: Annotated[bool, typer.Option("--count", help="Print only the total number of matches.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
    print0: Annotated[
        bool, typer.Option("--print0", help="Print raw paths, each followed by a NUL byte.")
    ] = False,
) -> None:
    """See HELP."""
    if file_system is not None:
        file_system = id_of(file_system)
    for what, together in (
        ("--exact and --regex", exact and regex),
        ("--all and --index", every and index is not None),
        ("--print0 and --count", print0 and count),
        ("--print0 and --json", print0 and as_json),
    ):
        if together:
            raise typer.BadParameter(f"{what} are mutually exclusive; omit one of them")
    decided = any(option is not None for option in (ext, under, types, newer, older, owner)) or bool(sizes)
    if pattern == "" or (pattern is None and not decided):
        raise typer.BadParameter(
            "it is empty; give a part of a name, or only conditions such as --ext pdf; "
            "to list a directory, use: tidemark ls INDEX:/",
            param_hint="PATTERN",
        )
    if pattern is not None and "/" in pattern and not regex:
        raise typer.BadParameter(
            "names contain no slash; search below a directory with: --under PATH", param_hint="PATTERN"
        )
    wanted = Question(
        pattern=conditions.pattern_of(pattern or "", regex=regex),
        mode="regex" if regex else "exact" if exact and pattern else "auto",
        ignore_case=ignore_case,
        filters=conditions.filters(
            now=utc_now(),
            ext=ext,
            under=under,
            types=types,
            sizes=sizes or (),
            newer=newer,
            older=older,
            owner=owner,
        ),
    )
    names = DirectoryNames(repository)
    directory: Directory | None = None
    store: Store
    connection: Connection | None = None
    with skipping_unreadable() as skip_index:
        if index is None:
            directory = None if under is None else names.resolve(under, file_system)
            if directory is not None and directory.access_point is not None:
                file_system = directory.access_point.file_system_id
            store, connection = deployment_or(repository)
            manifests = (every_index if every else newest_of)(store, file_system, skip_index)
        else:
            store, manifest = resolve(index, repository, skip_index)
            manifests = [manifest]
            if file_system not in (None, manifest.identity.file_system_id):
                raise IndexNotFound(
                    f"{terminal.printable(index)} is not an index of {file_system}; "
                    f"omit --index or --file-system"
                )
            directory = None if under is None else names.resolve(under, manifest.identity.file_system_id)
        if directory is not None:
            wanted = replace(wanted, filters=replace(wanted.filters, under=directory.path))
            if not as_json and not print0:
                print_directory_line(directory)
        if count:
            _print_count(store, manifests, wanted, directory, every=every, as_json=as_json)
            return
        found = find_in_all(store, manifests, wanted) if every else find(store, manifests, wanted)
        if limit is None:
            limit = 0 if as_json or print0 else _FOR_PEOPLE
        index_points = RecoveryPointsOfIndex(connection, print_note) if every else None
        show = (
            search_results.print_bare
            if print0
            else partial(
                search_results.print_json_lines if as_json else search_results.print_lines,
                index_points=index_points,
            )
        )
        number = show(islice(found, limit or None))
        if not number:
            check_under(store, manifests, wanted.filters.under)
        if not as_json and not print0:
            tips = _tips(pattern, exact=exact, regex=regex, ignore_case=ignore_case)
            tips += ["--all for earlier indexes"] * (not every and index is None)
            _print_note(number, limit, pattern, manifests, tips)


def _print_count(
    store: Store,
    manifests: list[Manifest],
    wanted: Question,
    directory: Directory | None,
    *,
    every: bool,
    as_json: bool,
) -> None:
    from tidemark.index.query.search import count as count_names

    if every:
        number = sum(1 for _ in find_in_all(store, manifests, wanted))
    else:
        number = sum(
            count_names(
                store,
                manifest,
                wanted.pattern,
                mode=wanted.mode,
                ignore_case=wanted.ignore_case,
                filters=wanted.filters,
            )
            for manifest in manifests
        )
    if not number:
        check_under(store, manifests, wanted.filters.under)
    if not as_json:
        terminal.console().print(str(number))
        return
    indexes = [
        {
            "index_id": manifest.index_id,
            "file_system": manifest.identity.file_system_id,
            "crawled_at": terminal.json_time(manifest.crawl_started_at),
        }
        for manifest in manifests
    ]
    access_point = None if directory is None else directory.json
    terminal.print_json({"indexes": indexes, "access_point": access_point, "count": number})


def _tips(pattern: str | None, *, exact: bool, regex: bool, ignore_case: bool) -> list[str]:
    """Return suggestions that may find more."""
    if pattern is None:
        return []
    is_glob = not exact and not regex and any(letter in pattern for letter in "*?[")
    return [
        *(["another pattern (with *, ? or [, it must match the whole name)"] if is_glob else []),
        *([] if ignore_case else ["--ignore-case"]),
    ]


def _print_note(
    number: int, limit: int, pattern: str | None, manifests: list[Manifest], tips: list[str]
) -> None:
    err = terminal.console(stderr=True)
    if limit and number == limit:
        # Checking for further matches could mean searching the rest of the index.
        err.print(Text(f"Stopped after {limit:,}; --limit 0 shows all, --count counts them.", terminal.QUIET))
    elif not number:
        where = f"index {manifests[0].index_id}" if len(manifests) == 1 else f"{len(manifests)} indexes"
        what = "" if pattern is None else f" {terminal.quoted(pattern)}"
        more = f"; try {', or '.join(tips)}" if tips else ""
        err.print(f"No name in {where} matches{what}{more}.", soft_wrap=True)
