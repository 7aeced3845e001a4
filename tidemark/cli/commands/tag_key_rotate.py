"""tidemark tag-key rotate"""

from __future__ import annotations

from typing import Annotated

import typer

from tidemark.answers.connection import connect
from tidemark.cli.output import terminal

HELP = """Create a new data key for the tags of recovery points.

New tags are encrypted with the new key. Older keys are kept to decrypt the tags that they encrypted; no tag
is rewritten. The repository holds each key, wrapped by KMS, and the KMS key rotates automatically every year.
Use this command if a data key may have been exposed.

JSON: version (of the new key), versions[] (of all keys).
"""


def rotate(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """See HELP."""
    keys = connect().tag_keys
    made = keys.rotate()
    versions = keys.versions()
    if as_json:
        terminal.print_json({"version": made.version, "versions": versions})
        return
    older = len(versions) - 1
    terminal.console().print(
        f"New tags are encrypted with version {made.version}; "
        f"{terminal.count(older, 'older version')} can still decrypt."
    )
