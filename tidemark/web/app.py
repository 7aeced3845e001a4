"""The application: its pages, and the rules that hold for every request."""

from __future__ import annotations

import functools
import hashlib
import shlex
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, current_app, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from tidemark.answers import text
from tidemark.answers.requests import InvalidRequest
from tidemark.aws.errors import translated
from tidemark.errors import (
    AccessDenied,
    IndexNotFound,
    PathNotFound,
    RecoveryPointNotFound,
    RestoreNotFound,
    SessionNotFound,
    TidemarkError,
)
from tidemark.web import browse, changes, find, protected, restore, sessions, usage, versions
from tidemark.web.guard import HEADERS, Guard
from tidemark.web.source import Source
from tidemark.web.state import State, state

_NOT_FOUND = (IndexNotFound, PathNotFound, RecoveryPointNotFound, RestoreNotFound, SessionNotFound)
_PAGES = (find, browse, changes, usage, protected, sessions, restore, versions)
_DEPLOYED = (protected, sessions)  # pages about a deployment, not about a repository alone
_OPEN = ("/enter", "/static/")  # paths that need no cookie: they show nothing of a backup
STATIC = Path(__file__).parent / "static"


def create_app(source: Source, guard: Guard) -> Flask:
    """Return the application that serves one source to one user."""
    app = Flask(__name__)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        size=text.size,
        count=text.count,
        minute=text.minute,
        moment=text.moment,
        duration=text.duration,
        ago=_ago,
        query=urlencode,
        shell=shlex.quote,
        visible=text.visible,
        visible_lines=_visible_lines,
        parts=find.parts_of,
        kind=find.kind_of,
        comma="{:,}".format,
    )
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 86_400
    app.extensions["tidemark"] = State(source=source, guard=guard)
    app.context_processor(_for_all_pages)
    app.before_request(_refuse)
    app.after_request(_add_headers)
    app.register_error_handler(Exception, _failed)
    app.add_url_rule("/", view_func=_start, endpoint="start")
    app.add_url_rule("/enter", view_func=_enter, endpoint="enter")
    for page in _PAGES:
        for rule, endpoint, function, methods in page.ROUTES:
            app.add_url_rule(rule, endpoint, _translating(function), methods=methods)
    return app


def _translating(function: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Return a view whose AWS errors are those of Tidemark."""

    def view(**arguments: str) -> ResponseReturnValue:
        with translated():
            return function(**arguments)

    return view


def _for_all_pages() -> dict[str, object]:
    shared = state()
    deployed = shared.source.connection is not None
    return {
        "source": shared.source,
        "deployed": deployed,
        "is_part": "HX-Request" in request.headers,
        "static": _static,
        "pages": [
            (page.ROUTES[0][1], page.ROUTES[0][0], page.LABEL)
            for page in _PAGES
            if page.LABEL and (deployed or page not in _DEPLOYED)
        ],
        "now": shared.source.now(),
        "basket_size": len(shared.basket),
    }


@functools.cache
def _static(name: str) -> str:
    """Return the address of a static file; it changes with the content, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?{digest}"


def _refuse() -> Response | None:
    guard = state().guard
    refusal = guard.refusal(request)
    if refusal is not None:
        return make_response(f"{refusal.reason}\n", refusal.status, {"Content-Type": "text/plain"})
    if not request.path.startswith(_OPEN) and not guard.admits(request):
        page = render_template("locked.html", address=f"{guard.origin}{request.full_path.rstrip('?')}")
        return make_response(page, 403)
    return None


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    if not request.path.startswith("/static/"):
        response.headers["Cache-Control"] = "no-store"
    return response


def _start() -> ResponseReturnValue:
    return redirect("/find")


def _enter() -> Response:
    """Exchange the token of the printed address for the cookie, then open a page."""
    guard = state().guard
    if not guard.accepts(request.args.get("token", "")):
        return make_response(render_template("locked.html", address=None), 403)
    # A page that continues, not a redirect: after a redirect from elsewhere, browsers withhold the cookie.
    response = make_response(render_template("enter.html", page=local_page(request.args.get("page", "/"))))
    guard.admit(response)
    return response


def local_page(address: str) -> str:
    """Return the path and query of a page's address, without its host; the first page if it is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    path = "/" + parts.path.lstrip("/\\")
    if any(character in path for character in "\\\r\n"):
        return "/"
    return f"{path}?{parts.query}" if parts.query else path


def _failed(error: Exception) -> ResponseReturnValue:
    """Return the page, or the part of a page, that shows an error."""
    if isinstance(error, HTTPException):
        status, message = error.code or 500, error.description or error.name
    elif isinstance(error, InvalidRequest):
        status, message = 400, f"{error.option}: {error}" if error.option else str(error)
    elif isinstance(error, TidemarkError):
        missing, denied = isinstance(error, _NOT_FOUND), isinstance(error, AccessDenied)
        status = 404 if missing else 403 if denied else 502
        message = "\n".join([str(error), *getattr(error, "__notes__", ())])
    else:
        current_app.logger.exception("a page failed")
        status, message = 500, f"{error} (unexpected; the terminal shows the details)"
    template = "error_part.html" if "HX-Request" in request.headers else "error.html"
    return make_response(render_template(template, message=message, status=status), status)


def _visible_lines(message: str) -> str:
    """Return a message as `visible` does, and keep its line ends."""
    return "\n".join(text.visible(line) for line in message.split("\n"))


def _ago(time: datetime, now: datetime) -> str:
    """Return `3 min ago`, `5 h ago`, `12 days ago`."""
    minutes = int(max(now - time, timedelta()).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{minutes // (24 * 60):,} days ago"
