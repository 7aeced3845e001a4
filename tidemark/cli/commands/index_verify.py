"""tidemark index verify"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tidemark.cli.output import terminal
from tidemark.cli.support.index_selection import Repository, opened
from tidemark.errors import IndexDamaged
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest

HELP = """Verify all files of an index.

INDEX is an index id, the ARN of a recovery point or copy, or a file system id (its newest index). Reads
every file of the index and compares digests, order and totals with the manifest. Exits with code 44 if the
index is damaged.

JSON: index_id, whole (true or false), files, size_bytes (bytes read), findings[] with url, what.
"""


def verify(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="Index id, ARN or file system id.")],
    repository: Repository = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """See HELP."""
    with opened(index, repository) as (store, manifest):
        _verify(store, manifest, as_json=as_json)


def _verify(store: Store, manifest: Manifest, *, as_json: bool) -> None:
    from tidemark.index.query.verify import verify as findings_of

    files = (*manifest.parts, *manifest.side_files)
    size = sum(file.bytes for file in files)
    err = terminal.console(stderr=True)
    reading = f"reading {terminal.count(len(files), 'file')}, {terminal.size(size)}"
    with err.status(Text(reading)) if err.is_terminal else contextlib.nullcontext():
        findings = list(findings_of(store, manifest))
    if as_json:
        terminal.print_json(
            {
                "index_id": manifest.index_id,
                "whole": not findings,
                "files": len(files),
                "size_bytes": size,
                "findings": [{"url": finding.url, "what": finding.what} for finding in findings],
            }
        )
    else:
        out = terminal.console()
        for finding in findings:
            damage = f"{terminal.printable(finding.url)} {terminal.printable(finding.what)}"
            out.print(Text(damage, terminal.BAD), soft_wrap=True)
        if not findings:
            intact = (
                f"{manifest.index_id} is intact: {terminal.count(len(files), 'file')}, {terminal.size(size)}"
            )
            out.print(Text(intact, terminal.GOOD), soft_wrap=True)
    if findings:
        raise IndexDamaged(
            f"index {manifest.index_id} is damaged in {terminal.count(len(findings), 'place')}; use another: "
            f"tidemark index list --repository {store.url}"
        )
