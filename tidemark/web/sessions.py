"""Sessions: the backup sessions of the deployment, with live progress."""

from __future__ import annotations

from itertools import islice

from flask import render_template, request
from flask.typing import ResponseReturnValue

from tidemark.answers.session_progress import steps
from tidemark.answers.sessions import recent_sessions, view_of
from tidemark.answers.text import visible
from tidemark.errors import SessionNotFound
from tidemark.policy.policy import check_file_system_id
from tidemark.sessions.naming import is_session_id
from tidemark.web.commands import command_line, option
from tidemark.web.state import READ, Route, deployment, state

_SHOWN = 50


def page() -> ResponseReturnValue:
    """List the sessions, newest first; the list follows running sessions."""
    connection, source = deployment(), state().source
    file_system = request.args.get("file_system", "")
    if file_system:
        check_file_system_id(file_system)
    policy = request.args.get("policy") or None
    now = source.now()
    found = list(islice(recent_sessions(connection, file_system or None, policy, now), _SHOWN))
    return render_template(
        "sessions_part.html" if "HX-Request" in request.headers else "sessions.html",
        sessions=found,
        file_system=file_system,
        policy=policy,
        running=any(session.ended_at is None for session in found),
        address=request.full_path.rstrip("?"),
        command=command_line(
            "sessions",
            options=[
                *option("--file-system", file_system),
                *option("--policy", policy),
                *option("--limit", str(_SHOWN)),
            ],
            repository_url=None,
        ),
    )


def one(session_id: str) -> ResponseReturnValue:
    """Show a session with its steps; the page follows it until it ends."""
    connection, source = deployment(), state().source
    if not is_session_id(session_id):
        raise SessionNotFound(visible(session_id))
    policy = connection.policy_if_any(connection.view(session_id, None).session.policy)
    view = view_of(connection, session_id, policy)
    return render_template(
        "session_part.html" if "HX-Request" in request.headers else "session.html",
        view=view,
        session=view.session,
        steps=steps(view, source.now()),
        command=command_line(
            "session", session_id, options=[] if view.ended else ["--watch"], repository_url=None
        ),
    )


LABEL = "Sessions"
ROUTES: tuple[Route, ...] = (
    ("/sessions", "sessions", page, READ),
    ("/sessions/<session_id>", "sessions_one", one, READ),
)
