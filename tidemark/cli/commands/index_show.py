"""tidemark index show"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tidemark.cli.output import terminal
from tidemark.cli.support.index_selection import INDEX_FIELDS, Repository, manifest_json, opened
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest

HELP = f"""Show a summary of an index.

INDEX is an index id, the ARN of a recovery point or copy, or a file system id (its newest index). Reads only
the manifest.

JSON: {INDEX_FIELDS}, files_of_index[] with file, rows, size_bytes, sha256.
"""


def show(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="Index id, ARN or file system id.")],
    repository: Repository = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """See HELP."""
    with opened(index, repository) as (store, manifest):
        if as_json:
            files = [
                {"file": file.file, "rows": file.rows, "size_bytes": file.bytes, "sha256": file.sha256}
                for file in (*manifest.parts, *manifest.side_files)
            ]
            terminal.print_json({**manifest_json(store, manifest), "files_of_index": files})
        else:
            _print(store, manifest)


def _print(store: Store, manifest: Manifest) -> None:
    identity, totals = manifest.identity, manifest.totals
    out = terminal.console()
    parts, sides = manifest.parts, manifest.side_files
    took = terminal.duration(manifest.crawl_ended_at - manifest.crawl_started_at)
    facts: dict[str, str | None] = {
        "index": manifest.index_id,
        "file system": f"{identity.file_system_id} in {identity.region}, account {identity.account}",
        "location": f"{store.url}/{identity.prefix}",
        "crawled": f"{terminal.moment(manifest.crawl_started_at)} UTC, in {took}, by {manifest.worker}",
        "holds": f"{terminal.count(totals.files, 'file')}, "
        f"{terminal.count(totals.directories, 'directory', 'directories')}, "
        f"{terminal.count(totals.others, 'other')}, {terminal.size(totals.bytes)} "
        "(each hard-linked file once)",
        "drift": f"{totals.unreadable:,} could not be read, {totals.vanished:,} vanished, "
        f"{terminal.count(totals.changed, 'directory', 'directories')} changed while listed",
        "left out": ", ".join(manifest.excluded) or None,
        "matched nothing": ", ".join(manifest.unmatched) or None,
        "changes since": manifest.previous_index_id,
        "stored as": f"{terminal.size(sum(file.bytes for file in (*parts, *sides)))}: "
        f"{terminal.count(len(parts), 'part')}, {', '.join(file.file for file in sides)}",
    }
    terminal.print_facts(
        out,
        {name: None if value is None else Text(terminal.printable(value)) for name, value in facts.items()},
    )
