"""Versions: what happened to one path, and the recovery points that hold each version."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from tidemark.answers.requests import InvalidRequest
from tidemark.answers.versions import Event, events_of
from tidemark.policy.policy import check_file_system_id
from tidemark.web.commands import command_line, option
from tidemark.web.state import READ, Route, state


def page() -> ResponseReturnValue:
    """Show the versions of a path, newest first."""
    source = state().source
    file_system, path = request.args.get("file_system", ""), request.args.get("path", "")
    if not path.strip("/"):
        raise InvalidRequest("the root has no versions of its own; name a path below it")
    if file_system:
        check_file_system_id(file_system)
    path = f"/{path.strip('/')}"
    events = events_of(
        source.store,
        file_system or None,
        path,
        source.index_points(),
        skip_index=lambda _error: None,  # the pages name skipped indexes, see Source.known
    )
    by_file_system: dict[tuple[str, str, str], list[Event]] = {}
    for event in events:
        by_file_system.setdefault(event.file_system, []).insert(0, event)
    parent, _, name = path.rpartition("/")
    return render_template(
        "versions.html",
        path=path,
        parent=parent or "/",
        name=name,
        groups=by_file_system,
        command=command_line(
            "history",
            path,
            options=option("--file-system", file_system),
            repository_url=source.repository_url,
        ),
    )


LABEL = None  # reached from Find and Browse
ROUTES: tuple[Route, ...] = (("/versions", "versions", page, READ),)
