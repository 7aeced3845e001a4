"""tidemark index list"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tidemark.answers.indexes import deployment_or, no_index_yet
from tidemark.cli.output import terminal
from tidemark.cli.support.index_selection import INDEX_FIELDS, Repository, manifest_json, skipping_unreadable
from tidemark.errors import IndexNotFound
from tidemark.index.storage.object_store import Store
from tidemark.policy.policy import id_of

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest

HELP = f"""List the complete indexes of a repository, newest first.

Reads the manifest of each index, up to 16 concurrently. Omits indexes that are being written.

JSON: {{"indexes": [...]}}, each with {INDEX_FIELDS}.
"""


def list_(
    file_system: Annotated[
        str | None, typer.Option("--file-system", metavar="ID", help="List only indexes of this file system.")
    ] = None,
    repository: Repository = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    if file_system is not None:
        file_system = id_of(file_system)
    from tidemark.index.storage.catalog import list_indexes

    store, _ = deployment_or(repository)
    try:
        with skipping_unreadable() as skip_index:
            _print(store, list_indexes(store, file_system, skip_index)[::-1], as_json=as_json)
    except IndexNotFound as none:  # an empty list is a valid result
        text = terminal.printable(str(none))
        terminal.console(stderr=True).print(Text(text, terminal.QUIET), soft_wrap=True)


def _print(store: Store, found: list[Manifest], *, as_json: bool) -> None:
    if as_json:
        terminal.print_json({"indexes": [manifest_json(store, manifest) for manifest in found]})
        return
    if not found:
        raise no_index_yet(store)
    out = terminal.console()
    places = {f"{one.identity.account}/{one.identity.region}" for one in found}
    width = max(map(len, places)) if len(places) > 1 else 0
    where = f"{'place':<{width}}  " if width else ""
    out.print(Text(f"{'crawled (UTC)':<19} {'entries':>13} {'size':>7}  {where}index", terminal.QUIET))
    for manifest in found:
        totals, identity = manifest.totals, manifest.identity
        place = f"{f'{identity.account}/{identity.region}':<{width}}  " if width else ""
        out.print(
            f"{terminal.moment(manifest.crawl_started_at)} {totals.entries:>13,} "
            f"{terminal.size(totals.bytes):>7}  {place}{terminal.printable(manifest.index_id)}",
            soft_wrap=True,
        )
