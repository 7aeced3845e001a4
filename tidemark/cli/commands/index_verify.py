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

HELP = """Read an index back whole, and say what is wrong with it.

INDEX is an index's id, a recovery point's or copy's ARN, or a file system's id (its newest index). Reads
every file of the index and compares digests, order and totals with the manifest. Ends with code 44 if
anything is wrong.

JSON: index_id, whole (true or false), files, size_bytes (what was read), findings[] with url, what.
"""


def verify(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="Which index.")],
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
            said = f"{terminal.printable(finding.url)} {terminal.printable(finding.what)}"
            out.print(Text(said, terminal.BAD), soft_wrap=True)
        if not findings:
            whole = (
                f"{manifest.index_id} is whole: {terminal.count(len(files), 'file')}, {terminal.size(size)}"
            )
            out.print(Text(whole, terminal.GOOD), soft_wrap=True)
    if findings:
        raise IndexDamaged(
            f"index {manifest.index_id} is damaged in {terminal.count(len(findings), 'place')}; use another: "
            f"tidemark index list --repository {store.url}"
        )
