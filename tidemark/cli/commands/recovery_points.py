"""tidemark recovery-points"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from tidemark.answers.connection import connect
from tidemark.answers.points import find
from tidemark.aws.recovery_points import RecoveryPoint
from tidemark.cli.output import terminal
from tidemark.policy.policy import id_of
from tidemark.tags import PointMetadata

HELP = """List the recovery points and copies of a file system.

Reads the metadata of a point from its encrypted tags. Tags that were altered or copied from elsewhere, and an
index that the records do not name, are reported and not trusted. A vault that does not exist or may not be
listed is reported after the points of the other vaults, and its error determines the exit code. Makes one
listing for each vault, and one request for the tags of each point.

The vaults of other accounts are not listed: their points are those of the records.

JSON: {"recovery_points": [...], "unlisted": [...]}, each point with account, recovery_point_arn, kind,
region, vault, recorded (true in another account), status, size_bytes, created_at, delete_at (null: kept
forever), index_id (null: no index
describes it), made_by ("tidemark", "other" or "unknown": its tags cannot be trusted), metadata (or null) with
session_id, policy, file_system, account, region, created_at, retention_days, index_id, manifest_sha256
(of that index); problems[] with finding, tag_key, field, message. Each of unlisted[] with region, vault,
message.
"""


def recovery_points(
    file_system: Annotated[
        str, typer.Argument(metavar="FILE-SYSTEM", help="File system id, such as fs-0123456789abcdef0.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    file_system = id_of(file_system)
    connection = connect()
    found = find(connection, file_system)
    if as_json:
        terminal.print_json(
            {
                "recovery_points": [
                    {"account": point.recorded_in or connection.resources.account, **_document(point, index)}
                    for point, index in found.points
                ],
                "unlisted": [
                    {"region": each.region, "vault": each.vault, "message": str(each.error)}
                    for each in found.unlisted
                ],
            }
        )
    elif found.points:
        show(terminal.console(), found.points)
    else:
        unlisted = {each.region for each in found.unlisted}
        vaults = ", ".join(
            f"{vault} ({region})"
            for region, vault in connection.resources.vaults.items()
            if region not in unlisted
        )
        if vaults:
            terminal.console(stderr=True).print(
                f"No recovery points of {file_system} in {vaults}.", soft_wrap=True
            )
    if found.unlisted:
        first, *others = (each.error for each in found.unlisted)
        for other in others:
            first.add_note(str(other))
        raise first


def show(out: Console, points: list[tuple[RecoveryPoint, str | None]]) -> None:
    """Print points for people."""
    for number, (point, index_id) in enumerate(points):
        if number:
            out.print()
        _print(out, point, index_id)


def _made_by(point: RecoveryPoint) -> str:
    if point.tags.metadata is not None:
        return "tidemark"
    return "unknown" if point.tags.problems else "other"


def _print(out: Console, point: RecoveryPoint, index_id: str | None) -> None:
    kind = "copy" if point.is_copy else "backup"
    kept = "kept forever" if point.delete_at is None else f"kept until {point.delete_at:%Y-%m-%d}"
    heading = Text.assemble(
        (f"{terminal.moment(point.created_at)}  {kind} in {point.region}", terminal.STRONG),
        f"  {terminal.size(point.size_bytes)}, {kept}",
    )
    if point.status not in ("AVAILABLE", "COMPLETED"):
        heading.append(f", {point.status.lower()}", style=terminal.CAREFUL)
    out.print(heading, soft_wrap=True)
    metadata = point.tags.metadata
    facts: dict[str, str | Text | None] = {"  point": point.recovery_point_arn, "  vault": point.vault}
    if metadata is not None:
        facts["  session"] = terminal.printable(metadata.session)
    elif point.tags.problems:
        facts["  session"] = Text("not shown: the point's tags cannot be trusted", terminal.CAREFUL)
    else:
        facts["  made by"] = Text("another program: it has no Tidemark tags", terminal.QUIET)
    if point.recorded_in:
        facts["  account"] = f"{point.recorded_in}, as recorded: only its own users list its vaults"
    facts["  index"] = index_id or Text("none", terminal.QUIET)
    terminal.print_facts(out, facts)
    for problem in point.tags.problems:
        warning = ("  ! ", terminal.BAD), (terminal.printable(problem.message), terminal.BAD)
        out.print(Text.assemble(*warning), soft_wrap=True)


def _document(point: RecoveryPoint, index_id: str | None) -> dict[str, Any]:
    return {
        "recovery_point_arn": point.recovery_point_arn,
        "kind": "copy" if point.is_copy else "backup",
        "region": point.region,
        "vault": point.vault,
        "recorded": bool(point.recorded_in),
        "status": point.status,
        "size_bytes": point.size_bytes,
        "created_at": terminal.json_time(point.created_at),
        "delete_at": terminal.json_time(point.delete_at),
        "index_id": index_id,
        "made_by": _made_by(point),
        "metadata": None if point.tags.metadata is None else _metadata(point.tags.metadata),
        "problems": [
            {
                "finding": problem.finding.value,
                "tag_key": problem.tag_key or None,
                "field": problem.field,
                "message": problem.message,
            }
            for problem in point.tags.problems
        ],
    }


def _metadata(metadata: PointMetadata) -> dict[str, Any]:
    return {
        "session_id": metadata.session,
        "policy": metadata.policy,
        "file_system": metadata.file_system,
        "account": metadata.account,
        "region": metadata.region,
        "created_at": terminal.json_time(metadata.created),
        "retention_days": metadata.retention_days,
        "index_id": metadata.index,
        "manifest_sha256": metadata.manifest_sha256,
    }
