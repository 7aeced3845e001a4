"""tidemark tag-key rotate"""

from __future__ import annotations

from typing import Annotated

import typer

from tidemark.cli.output import terminal
from tidemark.cli.support.connection import connect

HELP = """Make a new data key, which encrypts the tags of recovery points from now on.

The older keys stay, and go on opening the tags that they have encrypted; nothing is written anew. A key
lies in the repository, wrapped by KMS, whose own key rotates every year by itself: this is for when a data
key may have been seen.

JSON: version, versions[]: the new key's, and all there are.
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
        f"Tags are encrypted with version {made.version} from now on; "
        f"{terminal.count(older, 'older version')} {'goes' if older == 1 else 'go'} on opening."
    )
