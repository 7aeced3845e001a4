"""Protected or not: every file system of the policies, and the next step where something is wrong."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from tidemark.answers.protection import Level, protections
from tidemark.web.commands import command_line
from tidemark.web.state import READ, Route, deployment, state
from tidemark.web.streaming import streamed

_FRESH_SECONDS = 20  # for which the result is shown again without new requests


def page() -> ResponseReturnValue:
    """Show the protection of all file systems."""
    connection, source = deployment(), state().source
    now = source.now()
    work = state().works.start(
        ("protected", int(now.timestamp()) // _FRESH_SECONDS),
        source.store,
        lambda _store: protections(connection, now),
    )
    return streamed(
        "protected.html",
        steps=work.steps(),
        levels=Level,
        command=command_line("protection", repository_url=None),
    )


LABEL = "Protected or not"
ROUTES: tuple[Route, ...] = (("/protected", "protected", page, READ),)
