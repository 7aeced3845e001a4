"""Serve the pages on the loopback interface until the process is interrupted."""

from __future__ import annotations

import contextlib
import errno
import importlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from tidemark.answers.indexes import whose
from tidemark.aws.errors import translated
from tidemark.errors import ConfigurationError, TidemarkError
from tidemark.web.app import create_app
from tidemark.web.guard import Guard
from tidemark.web.source import Source
from tidemark.web.state import State

_WARMED_UP = 8  # file systems
ADDRESS = "127.0.0.1"


class _Handler(WSGIRequestHandler):
    """Answers with HTTP/1.1, so that pages stream and connections are reused, and logs nothing."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds that an idle connection is kept

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log no requests: they contain the names of files."""

    def version_string(self) -> str:
        """Return the Server header."""
        return "tidemark"


class _Server(ThreadedWSGIServer):
    daemon_threads = True  # open connections do not delay the end


@contextmanager
def serving(source: Source, port: int) -> Iterator[Guard]:
    """Serve until the block ends, and yield what admits a browser; 0 is any free port.

    Raises ConfigurationError if the port is in use.
    """
    listener = _listen(port)
    guard = Guard(listener.getsockname()[1])
    app = create_app(source, guard)
    server = _Server(ADDRESS, guard.port, app, handler=_Handler, fd=listener.fileno())
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    threading.Thread(target=_warm_up, args=(source, app), daemon=True).start()
    try:
        yield guard
    finally:
        state: State = app.extensions["tidemark"]
        state.searches.stop_all()
        state.works.stop_all()
        server.shutdown()
        thread.join()
        server.server_close()
        listener.close()


def _warm_up(source: Source, app: Flask) -> None:
    """Import and compile what the pages need, and read the list of indexes, while the browser starts."""
    from tidemark.index.query.search import search

    for module in ("history", "browse", "usage", "diff", "renames"):
        importlib.import_module(f"tidemark.index.query.{module}")
    for template in app.jinja_env.list_templates():
        app.jinja_env.get_template(template)
    with contextlib.suppress(TidemarkError), translated():  # the first page reports it
        for index in list({whose(each): each for each in source.known().indexes}.values())[:_WARMED_UP]:
            # Hardly any name contains this, so that only the table of trigrams is read.
            next(search(source.store, index, "qzxjkvwq"), None)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
    except OSError as error:
        listener.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise ConfigurationError(
            f"port {port} of {ADDRESS} cannot be used: {error.strerror}; choose another with --port, "
            f"or any free one with: --port 0"
        ) from error
    listener.listen(64)
    return listener
