"""tidemark browse"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from tidemark.answers.indexes import deployment_or
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.support.extras import require_browse
from tidemark.cli.support.index_selection import Repository
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:  # a local repository needs none of the AWS SDK
    from tidemark.answers.connection import Connection

HELP = """Find, compare and restore files in the browser.

Serves pages on 127.0.0.1, with your own credentials, until Ctrl-C, and opens the first one. Other users and
web pages cannot read them: the printed address contains a random token, which the browser exchanges for a
cookie. The pages are: Find, Browse, What changed, Where the bytes are, and, with a deployment, Protected or
not, Sessions and Restore. Each page shows the command that prints the same.

PAGE opens a page whose address a colleague sent, with your own server and credentials.

\b
  tidemark browse
  tidemark browse --repository file:///srv/indexes --no-open
  tidemark browse 'http://127.0.0.1:8384/find?q=thesis'

JSON: url (the address to open), on one line; the pages are served until the command is interrupted.
"""
DEFAULT_PORT = 8384


def browse(
    page: Annotated[
        str | None, typer.Argument(metavar="PAGE", help="Address of a page, from a colleague's browser.")
    ] = None,
    repository: Repository = None,
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", min=0, max=65535, help="Port to listen on; 0 for any free one."),
    ] = DEFAULT_PORT,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Print the address, but open no browser.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and open no browser.")
    ] = False,
) -> None:
    """See HELP."""
    require_browse("browse")
    store, connection = deployment_or(repository)
    serve(store, connection, repository, port=port, page=page, opens=not no_open, as_json=as_json)


def serve(
    store: Store,
    connection: Connection | None,
    repository_url: str | None,
    *,
    port: int = 0,
    page: str | None = None,
    opens: bool = False,
    as_json: bool = False,
) -> None:
    """Serve pages until an interrupt, and print the address. Needs the extra `browse`."""
    from tidemark.web.server import serving  # imports Flask
    from tidemark.web.source import Source

    source = Source(store, connection=connection, repository_url=repository_url, now=utc_now)
    with serving(source, port) as guard, contextlib.suppress(KeyboardInterrupt):
        url = guard.address + (f"&page={quote(page, safe='')}" if page else "")
        if as_json:
            sys.stdout.write(json.dumps({"url": url}) + "\n")
        else:
            out = terminal.console()
            out.print(f"The pages of {terminal.printable(source.name)}, for one browser:")
            out.print(f"  {url}", style=terminal.STRONG)
            out.print("Ctrl-C stops them.")
        sys.stdout.flush()
        if opens and not as_json:
            webbrowser.open(url)
        threading.Event().wait()
