"""Writes docs/cli.md from the commands' own help: `python -m tidemark.cli.reference`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from tidemark.cli.main import command as whole
from tidemark.cli.support.exit_codes import DEFECT, INTERRUPTED, NOT_WRITTEN, PIPE_CLOSED, USAGE
from tidemark.errors import error_classes

FILE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"

_OPENING = """# Commands

<!-- Written by `python -m tidemark.cli.reference` from the commands' own help; a test fails when it is stale. -->

The answer of a command goes to standard output, what accompanies it to standard error. Times are in UTC, sizes in units of 1000.
With `--json` standard output is one JSON document (of `search`, one a line) in ASCII with the field names given here; times are
ISO 8601, sizes are bytes.

File names are data: what a terminal would obey, or what the encoding of the output cannot show, is shown as the `\\xNN` bytes of its
UTF-8, and can be typed so. In JSON this is so for bytes that are not UTF-8; beside each such name or path, the field that ends in `_base64` holds the true bytes, and null where the name is text.

A command that is given neither an index's id nor an ARN passes over an index that cannot be read: its manifest is damaged, or a
newer Tidemark wrote it. A line on standard error says which and why; the answer is that of the other indexes, and the command ends
with code 44 or 45, so that programs can tell.
"""  # noqa: E501 - the comment is one line of Markdown


_PERMISSIONS = """## Permissions

What the credentials of a user of these commands must allow, on the deployment's own resources:

| for | actions |
|---|---|
| all commands | `ssm:GetParameter`, `ssm:GetParametersByPath` |
| `run` | `elasticfilesystem:DescribeFileSystems`, `elasticfilesystem:DescribeMountTargets`, \
`backup:DescribeBackupVault` (in every Region), `states:StartExecution` |
| `run --wait`, `sessions`, `session` | `dynamodb:GetItem`, `dynamodb:Query`, `s3:GetObject`, \
`states:DescribeExecution` |
| `recovery-points` | `backup:ListRecoveryPointsByBackupVault` and `backup:ListTags` (in every Region), \
`dynamodb:Query`, `s3:ListBucket`, `s3:GetObject` |
| `tag-key rotate` | `s3:ListBucket`, `s3:GetObject` and `s3:PutObject` below `tag-keys/`; \
`kms:GenerateDataKey` and `kms:Decrypt` with the key of the tags |
| `search`, `ls`, `history`, `diff`, `usage`, `index` | `s3:ListBucket`, `s3:GetObject`, `dynamodb:Query` |
| `search --all`, `history`, to leave out deleted points | `backup:ListRecoveryPointsByBackupVault` \
(in every Region) |
| the same | `kms:Decrypt` with the keys of the tables and the repository; of the tags for `recovery-points` |
| any with `--repository` | nothing of a deployment; on that bucket `s3:ListBucket`, `s3:GetObject`, and \
`s3:PutObject` for `index build` |
"""


def reference() -> str:
    """Return the text of docs/cli.md."""
    sections = [_OPENING, _section(whole(), ["tidemark"])]
    sections += [_section(command, path) for path, command in commands()]
    return "\n".join([*sections, _PERMISSIONS, _exit_codes()])


def commands() -> Iterator[tuple[list[str], Any]]:
    """Return every command with its path: ["tidemark", "local", "up"]."""
    yield from _below(whole(), ["tidemark"])


def _below(group: Any, path: list[str]) -> Iterator[tuple[list[str], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _below(command, [*path, name])
        else:
            yield [*path, name], command


def _section(command: Any, path: list[str]) -> str:
    parent = None
    for name in path[:-1]:
        parent = typer.Context(whole(), info_name=name, parent=parent)
    context = typer.Context(
        command, info_name=path[-1], parent=parent, help_option_names=["-h", "--help"], terminal_width=80
    )
    return f"## {' '.join(path)}\n\n```text\n{context.get_help().strip()}\n```\n"


def _exit_codes() -> str:
    rows = [
        (0, "", "Done."),
        (USAGE, "", "The command was called wrongly."),
        (DEFECT, "", "A defect of Tidemark; the message names the file that says where."),
        (NOT_WRITTEN, "", "No space is left where the output or a temporary file goes."),
        (INTERRUPTED, "", "Stopped with Ctrl-C."),
        (PIPE_CLOSED, "", "Whoever read the output has stopped reading."),
    ]
    rows += [
        (error.exit_code, f"`{error.__name__}`", inspect.getdoc(error) or "")
        for error in error_classes()
        if error.exit_code != 1
    ]
    lines = [
        f"| {code} | {name} | {said.splitlines()[0]} |"
        for code, name, said in sorted(rows, key=lambda row: row[0])
    ]
    return "\n".join(
        ["## Exit codes", "", "| code | error | |", "|---|---|---|", *lines, ""],
    )


def main() -> None:
    """Write the file."""
    FILE.write_text(reference())
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
