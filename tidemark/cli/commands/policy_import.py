"""tidemark policy import"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tidemark.answers.requests import InvalidRequest
from tidemark.cli.output import terminal
from tidemark.errors import NotImportable, OutputExists
from tidemark.policy.policy import check_file_system_id
from tidemark.policy.veeam import Choices, Imported, read_export
from tidemark.policy.yaml_text import yaml_text

LARGEST_FILE = 10_000_000  # bytes; an exported policy has a few thousand

HELP = """Convert EFS policies that Veeam Backup for AWS has exported to a tidemark.yaml.

Reads the JSON of its console or of its REST API. Schedules, retentions, retries, notifications and indexing
are carried over. The export names Regions and most file systems by ids of Veeam's database: give them with
--region, --file-system and --copy-to. What is not carried over is listed with the reason, on standard error
and as comments of the result. Nothing is deployed, and no existing file is changed.

\b
  tidemark policy import exported.json --region eu-central-1 \\
    --file-system fs-0123456789abcdef0 --time-zone Europe/Berlin

Exits with code 59 if something that Tidemark needs is missing, 58 if the file of --output exists.

JSON: configuration (the keys of tidemark.yaml), not_carried_over[] with policy, field, reason.
"""


def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The exported policies; - for standard input.")
    ],
    region: Annotated[
        str | None, typer.Option("--region", metavar="REGION", help="Region of the file systems.")
    ] = None,
    file_system: Annotated[
        list[str] | None,
        typer.Option("--file-system", metavar="ID", help="A file system of the policies; may be repeated."),
    ] = None,
    copy_to: Annotated[
        list[str] | None,
        typer.Option("--copy-to", metavar="REGION", help="A Region for copies; may be repeated."),
    ] = None,
    time_zone: Annotated[
        str, typer.Option("--time-zone", metavar="NAME", help="Time zone of the backup appliance.")
    ] = "UTC",
    vault: Annotated[
        str, typer.Option("--vault", metavar="NAME", help="Name of the vaults to create.")
    ] = "tidemark",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write to a new file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    systems = tuple(check_file_system_id(each) for each in file_system or ())
    _check_places(region, copy_to or [], vault)
    if output is not None and output.exists():
        raise OutputExists(terminal.printable(str(output)))
    choices = Choices(
        region=region,
        file_systems=systems,
        copy_regions=tuple(copy_to or ()),
        time_zone=_time_zone(time_zone),
        vault=vault,
    )
    imported = read_export(_document(file), choices)
    notes = [
        {"policy": policy, "field": note.field, "reason": note.reason}
        for policy, several in imported.notes.items()
        for note in several
    ]
    if as_json:
        terminal.print_json({"configuration": imported.keys, "not_carried_over": notes})
        return
    _write(_text(imported, notes), output)
    err = terminal.console(stderr=True)
    for note in notes:
        err.print(terminal.printable(f"{note['policy']}: {note['field']}: {note['reason']}"))
    where = "the result" if output is None else terminal.printable(str(output))
    err.print(f"Check {where}, merge it into your tidemark.yaml, and deploy; then run: tidemark check")


def _check_places(region: str | None, copy_to: list[str], vault: str) -> None:
    from tidemark.aws.regions import sdk_regions

    named = [("--region", region)] * (region is not None) + [("--copy-to", each) for each in copy_to]
    for option, name in named:
        if problem := sdk_regions().problem(str(name)):
            raise InvalidRequest(problem, option=option)
    if not re.fullmatch(r"[a-zA-Z0-9_-]{2,50}", vault):
        raise InvalidRequest("a vault's name has 2-50 letters, digits, '-' and '_'", option="--vault")


def _document(file: Path) -> Any:
    try:
        if str(file) == "-":
            raw = sys.stdin.buffer.read(LARGEST_FILE + 1)
        else:
            with file.open("rb") as opened:
                raw = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        fact = f"cannot read {terminal.printable(str(file))}: {error.strerror}"
        raise InvalidRequest(fact, option="FILE") from error
    if len(raw) > LARGEST_FILE:
        raise NotImportable(f"the file has more than {LARGEST_FILE:,} bytes", "name an exported policy")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise NotImportable("the file is not JSON", "export the policy again") from error


def _time_zone(name: str) -> str:
    from tidemark.policy.schedule import check_time_zone

    try:
        return check_time_zone(name)
    except ValueError as error:
        raise InvalidRequest(str(error), option="--time-zone") from error


def _text(imported: Imported, notes: list[dict[str, str]]) -> str:
    lines = [f"# Not carried over: {note['policy']}: {note['field']}: {note['reason']}" for note in notes]
    comments = "".join(f"{terminal.printable(line)}\n" for line in lines)
    return f"# Imported from Veeam Backup for AWS.\n{comments}{yaml_text(imported.keys)}"


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise OutputExists(terminal.printable(str(output))) from error
    except OSError as error:
        fact = f"cannot write {terminal.printable(str(output))}: {error.strerror}"
        raise InvalidRequest(fact, option="--output") from error
