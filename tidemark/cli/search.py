"""tidemark search"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from tidemark.aws.clock import utc_now
from tidemark.cli import criteria, terminal
from tidemark.cli.connection import connect
from tidemark.cli.documents import ENTRY_FIELDS, entry_json
from tidemark.cli.holders import Holders
from tidemark.cli.indexes import Repository, index_of, no_index_yet, store_at
from tidemark.errors import IndexNotFound
from tidemark.index.entry import Entry
from tidemark.index.store import Store
from tidemark.policy.policy import check_file_system_id

if TYPE_CHECKING:  # what reads indexes takes a tenth of a second to import; other commands do without
    from tidemark.index.filters import Filters
    from tidemark.index.history import Hit
    from tidemark.index.manifest import Manifest
    from tidemark.index.pattern import Mode

HELP = f"""Find files and folders by name in an index.

PATTERN is a part of the name; with *, ? or [ in it, it is a glob for the whole name; without one, the options
alone decide. Searches the newest index of each file system, or of one, or one given index, straight from the
repository: it reads what can hold a hit, not the whole index. With --all, searches every index, and shows
each path once with the first and the last recovery point that hold it, as far as sessions record them.

Sizes are in bytes, or with k, M, G, T of 1000, Ki, Mi, Gi, Ti of 1024: +1G is that or more, -10k that or
less. Times are UTC, 2026-11-22 or 2026-11-22T02:00, or ages: 90min, 12h, 30d, 2w, 1y.

JSON: {{"indexes": [...], "entries": [...], "more": whether --limit left some out}}; each index with
index_id, file_system, crawled_at; each entry with index_id, {ENTRY_FIELDS}; with --all also first_index_id,
last_index_id, indexes (how many hold it), first_recovery_point_arn, last_recovery_point_arn (null: none is
known). With --count: indexes[], count.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What is looked for."""

    pattern: str
    mode: Mode
    ignore_case: bool
    filters: Filters


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A path; with --all, `hit` says which indexes hold it, and `manifest` is the last of them."""

    manifest: Manifest
    entry: Entry
    hit: Hit | None = None


def search(
    pattern: Annotated[str | None, typer.Argument(metavar="PATTERN", help="What to look for.")] = None,
    file_system: Annotated[
        str | None, typer.Option("--file-system", metavar="ID", help="Only in its newest index.")
    ] = None,
    index: Annotated[str | None, typer.Option("--index", metavar="ID", help="Only in this index.")] = None,
    every: Annotated[bool, typer.Option("--all", help="In all indexes, not only the newest.")] = False,
    repository: Repository = None,
    exact: Annotated[bool, typer.Option("--exact", help="PATTERN is the whole name.")] = False,
    regex: Annotated[
        bool, typer.Option("--regex", help="PATTERN is a regular expression (RE2), anywhere in the name.")
    ] = False,
    ignore_case: Annotated[bool, typer.Option("--ignore-case", "-i", help="a is A.")] = False,
    ext: Annotated[str | None, typer.Option("--ext", metavar="EXT", help="Names that end in .EXT.")] = None,
    under: Annotated[
        str | None, typer.Option("--under", metavar="PATH", help="Below this directory, at any depth.")
    ] = None,
    types: Annotated[
        str | None, typer.Option("--type", metavar="T", help="f, d, l, p, s, c, b as find has them; or f,l.")
    ] = None,
    sizes: Annotated[
        list[str] | None, typer.Option("--size", metavar="SIZE", help="Such as +1G or -10k; may be repeated.")
    ] = None,
    newer: Annotated[
        str | None, typer.Option("--newer", metavar="TIME", help="Modified at this time or later.")
    ] = None,
    older: Annotated[
        str | None, typer.Option("--older", metavar="TIME", help="Modified before this time.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="UID[:GID]", help="Numbers: 1000, 1000:100 or :100.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="At most so many; 0 for all.")
    ] = 100,
    count: Annotated[bool, typer.Option("--count", help="Print only how many there are, in all.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    print0: Annotated[
        bool, typer.Option("--print0", help="Print bare paths as they are, each ended by a NUL byte.")
    ] = False,
) -> None:
    """See HELP."""
    if file_system is not None:
        check_file_system_id(file_system)
    for what, together in (
        ("--exact and --regex", exact and regex),
        ("--all and --index", every and index is not None),
        ("--print0 and --count", print0 and count),
    ):
        if together:
            raise typer.BadParameter(f"{what} exclude each other; leave one of them out")
    decided = any(option is not None for option in (ext, under, types, newer, older, owner)) or bool(sizes)
    if pattern == "" or (pattern is None and not decided):
        raise typer.BadParameter(
            "it is empty; to list a directory, use: tidemark ls INDEX:/", param_hint="PATTERN"
        )
    request = _Request(
        pattern=_text(pattern or "", regex=regex),
        mode="regex" if regex else "exact" if exact and pattern else "auto",
        ignore_case=ignore_case,
        filters=criteria.filters(
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
    connection = connect() if repository is None else None
    store = connection.repository if connection else store_at(repository or "")
    manifests = _choose_all(store, file_system) if every else choose(store, file_system, index)
    if count:
        _print_count(store, manifests, request, every=every, as_json=as_json)
        return
    found = _find_all(store, manifests, request) if every else _find(store, manifests, request)
    if print0:
        for each in islice(found, limit or None):
            sys.stdout.buffer.write(each.entry.raw_path + b"\0")
    elif as_json:
        _print_json(manifests, found, limit, Holders(connection))
    else:
        _print(pattern, manifests, found, limit, Holders(connection))


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


def _choose_all(repository: Store, file_system: str | None) -> list[Manifest]:
    """Return every index, of one file system after the other, each time oldest first."""
    from tidemark.index.catalogue import list_indexes, newest_index

    found = list_indexes(repository, file_system)
    if not found:
        if file_system is not None:
            newest_index(repository, file_system)  # says that there is none
        raise no_index_yet(repository)
    return sorted(found, key=_whose)  # a stable sort: the order of time stays


def _whose(manifest: Manifest) -> tuple[str, str, str]:
    identity = manifest.identity
    return identity.account, identity.region, identity.file_system_id


def _text(pattern: str, *, regex: bool) -> str:
    if regex:  # \xNN is the expression's own
        return pattern.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return terminal.typed(pattern).decode("utf-8", "surrogateescape")


def _find(store: Store, manifests: list[Manifest], request: _Request) -> Iterator[_Found]:
    from tidemark.index.search import search as names_like

    for manifest in manifests:
        for entry in names_like(
            store,
            manifest,
            request.pattern,
            ignore_case=request.ignore_case,
            mode=request.mode,
            filters=request.filters,
        ):
            yield _Found(manifest=manifest, entry=entry)


def _find_all(store: Store, manifests: list[Manifest], request: _Request) -> Iterator[_Found]:
    from tidemark.index.history import search_all

    by_id = {manifest.index_id: manifest for manifest in manifests}
    for _, group in groupby(manifests, key=_whose):
        for hit in search_all(
            store,
            list(group),
            request.pattern,
            ignore_case=request.ignore_case,
            mode=request.mode,
            filters=request.filters,
        ):
            yield _Found(manifest=by_id[hit.last_index_id], entry=hit.entry, hit=hit)


def _print_count(
    store: Store, manifests: list[Manifest], request: _Request, *, every: bool, as_json: bool
) -> None:
    from tidemark.index.search import count as count_names

    if every:
        number = sum(1 for _ in _find_all(store, manifests, request))
    else:
        number = sum(
            count_names(
                store,
                manifest,
                request.pattern,
                ignore_case=request.ignore_case,
                mode=request.mode,
                filters=request.filters,
            )
            for manifest in manifests
        )
    if as_json:
        terminal.print_json({"indexes": _indexes_json(manifests), "count": number})
    else:
        terminal.console().print(str(number))


def _indexes_json(manifests: list[Manifest]) -> list[dict[str, Any]]:
    return [
        {
            "index_id": manifest.index_id,
            "file_system": manifest.identity.file_system_id,
            "crawled_at": terminal.json_time(manifest.crawl_started_at),
        }
        for manifest in manifests
    ]


def _print_json(manifests: list[Manifest], hits: Iterator[_Found], limit: int, holders: Holders) -> None:
    found = list(islice(hits, limit + 1 if limit else None))
    shown = found[:limit] if limit else found
    by_id = {manifest.index_id: manifest for manifest in manifests}
    entries = []
    for each in shown:
        document = {"index_id": each.manifest.index_id, **entry_json(each.entry)}
        if each.hit is not None:
            first = holders.of(by_id[each.hit.first_index_id].identity)
            last = holders.of(each.manifest.identity)
            document |= {
                "first_index_id": each.hit.first_index_id,
                "last_index_id": each.hit.last_index_id,
                "indexes": each.hit.indexes,
                "first_recovery_point_arn": first[0].recovery_point_arn if first else None,
                "last_recovery_point_arn": last[-1].recovery_point_arn if last else None,
            }
        entries.append(document)
    terminal.print_json(
        {"indexes": _indexes_json(manifests), "entries": entries, "more": len(found) > len(shown)}
    )


def _print(
    pattern: str | None, manifests: list[Manifest], hits: Iterator[_Found], limit: int, holders: Holders
) -> None:
    out, err = terminal.console(), terminal.console(stderr=True)
    by_id = {manifest.index_id: manifest for manifest in manifests}
    shown, current, more = 0, None, False
    for found in hits:
        manifest, entry = found.manifest, found.entry
        if limit and shown == limit:
            more = True
            break
        if found.hit is None and manifest is not current:
            err.print(
                Text(f"{manifest.index_id}, crawled {terminal.moment(manifest.crawl_started_at)} UTC", "dim")
            )
            current = manifest
        out.print(entry_line(entry, entry.path), soft_wrap=True)
        if found.hit is not None:
            first = by_id[found.hit.first_index_id]
            for line in _held(first, manifest, found.hit, holders):
                out.print(Text(line, terminal.QUIET), soft_wrap=True)
        shown += 1
    if more:
        err.print(Text(f"The first {limit:,}; --limit 0 shows all.", terminal.QUIET))
    elif not shown:
        where = f"index {manifests[0].index_id}" if len(manifests) == 1 else f"{len(manifests)} indexes"
        what = "" if pattern is None else f" {terminal.printable(pattern)!r}"
        err.print(f"No name in {where} matches{what}.", soft_wrap=True)


def _held(first: Manifest, last: Manifest, hit: Hit, holders: Holders) -> Iterator[str]:
    """Return who holds a path first and last: a recovery point where one is known, else an index."""
    oldest, newest = holders.of(first.identity), holders.of(last.identity)
    begin = oldest[0].recovery_point_arn if oldest else first.index_id
    end = newest[-1].recovery_point_arn if newest else last.index_id
    times = [terminal.moment(each.crawl_started_at)[:16] for each in (first, last)]
    if begin == end:
        yield f"    only   {times[0]}  {begin}"
        return
    yield f"    first  {times[0]}  {begin}"
    yield f"    last   {times[1]}  {end}, in {terminal.count(hit.indexes, 'index', 'indexes')}"


def entry_line(entry: Entry, shown: str, *, subtree_bytes: int | None = None) -> Text:
    """Return an entry as a line: time, size, path; a directory's ends with a slash."""
    size = subtree_bytes if entry.type == "d" else entry.size
    amount = "-" if size is None else terminal.size(size)
    text = Text(f"{entry.mtime:%Y-%m-%d %H:%M}  {amount:>7}  ", terminal.QUIET)
    style = {"d": "blue", "l": "cyan", "f": ""}.get(entry.type, terminal.CAREFUL)
    text.append(terminal.printable(shown) + ("/" if entry.type == "d" else ""), style=style)
    if entry.type == "l":
        text.append(f" -> {terminal.printable(entry.target or '')}", style=terminal.QUIET)
    elif entry.type not in "df":
        kinds = {"p": "FIFO", "s": "socket", "c": "character device", "b": "block device"}
        text.append(f"  ({kinds.get(entry.type, entry.type)})", style=terminal.QUIET)
    return text
