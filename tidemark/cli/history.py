"""tidemark history"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from tidemark.cli import terminal
from tidemark.cli.connection import connect
from tidemark.cli.documents import ENTRY_FIELDS, entry_json
from tidemark.cli.entries import entry_line
from tidemark.cli.holders import Holders
from tidemark.cli.indexes import Repository, no_index_yet, store_at
from tidemark.errors import IndexNotFound, PathNotFound
from tidemark.index.escape import escape
from tidemark.policy.policy import check_file_system_id

if TYPE_CHECKING:
    from tidemark.index.history import Version
    from tidemark.index.manifest import Manifest

HELP = f"""Show every version of one path, over all indexes of a file system.

PATH begins at the root of the file system. Says when it appeared, changed and vanished, and which recovery
points hold each version, as far as sessions record them. Without --file-system, every file system of the
repository is looked at. A change back and forth between two indexes cannot be seen.

JSON: path, versions[], each with file_system, what (appeared, changed or vanished), index_ids[],
first_crawled_at, last_crawled_at, recovery_point_arns[], entry (null: it was not there) with {ENTRY_FIELDS}.
"""


def history(
    path: Annotated[str, typer.Argument(metavar="PATH", help="From the root, such as /home/a.txt.")],
    file_system: Annotated[
        str | None, typer.Option("--file-system", metavar="ID", help="Only in this file system.")
    ] = None,
    repository: Repository = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    if file_system is not None:
        check_file_system_id(file_system)
    from tidemark.index.catalogue import list_indexes
    from tidemark.index.history import history as versions_of

    connection = connect() if repository is None else None
    store = connection.repository if connection else store_at(repository or "")
    shown = "/" + escape(terminal.typed(path)).strip("/")
    manifests = list_indexes(store, file_system)
    if not manifests:
        if file_system is None:
            raise no_index_yet(store)
        raise IndexNotFound(
            f"{store.url} has no index of {file_system}; list what it has: tidemark index list"
        )
    by_id = {manifest.index_id: manifest for manifest in manifests}
    found: list[dict[str, Any]] = []
    lines: list[Text] = []
    holders = Holders(connection)
    for whose, group in groupby(sorted(manifests, key=_whose), key=_whose):
        versions = versions_of(store, list(group), shown)
        if versions:
            lines.append(Text(whose[2], terminal.STRONG))
        before: Version | None = None
        for version in versions:
            held = [by_id[index_id] for index_id in version.index_ids]
            what = _what(before, version)
            arns = [point.recovery_point_arn for manifest in held for point in holders.of(manifest.identity)]
            found.append(_document(version, what, held, arns))
            lines += _lines(version, what, held, arns)
            before = version
    if not found:
        raise PathNotFound(
            f"no index has {terminal.printable(shown)}; look for it with: tidemark search NAME --all"
        )
    if as_json:
        terminal.print_json({"path": shown, "versions": found})
        return
    out = terminal.console()
    for line in lines:
        out.print(line, soft_wrap=True)


def _whose(manifest: Manifest) -> tuple[str, str, str]:
    identity = manifest.identity
    return identity.account, identity.region, identity.file_system_id


def _what(before: Version | None, version: Version) -> str:
    if version.entry is None:
        return "vanished"
    return "appeared" if before is None or before.entry is None else "changed"


def _document(version: Version, what: str, held: list[Manifest], arns: list[str]) -> dict[str, Any]:
    return {
        "file_system": held[0].identity.file_system_id,
        "what": what,
        "index_ids": list(version.index_ids),
        "first_crawled_at": terminal.json_time(held[0].crawl_started_at),
        "last_crawled_at": terminal.json_time(held[-1].crawl_started_at),
        "recovery_point_arns": arns,
        "entry": None if version.entry is None else entry_json(version.entry),
    }


def _lines(version: Version, what: str, held: list[Manifest], arns: list[str]) -> list[Text]:
    style = {"appeared": terminal.GOOD, "changed": terminal.CAREFUL, "vanished": terminal.BAD}[what]
    seen = terminal.moment(held[0].crawl_started_at)[:16]
    line = Text.assemble((f"{seen}  ", terminal.QUIET), (f"{what:<8}", style))
    if version.entry is None:
        return [line]
    line = Text.assemble(line, "  ", entry_line(version.entry, version.entry.path))
    until = terminal.moment(held[-1].crawl_started_at)[:16]
    kept = f"    in {terminal.count(len(held), 'index', 'indexes')} until {until}"
    kept += ":" if arns else f": {held[0].index_id}" + (f" to {held[-1].index_id}" if len(held) > 1 else "")
    return [line, Text(kept, terminal.QUIET), *(Text(f"    {arn}", terminal.QUIET) for arn in arns)]
