"""What the pages of one server share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from flask import current_app
from flask.typing import ResponseReturnValue

from tidemark.answers.connection import Connection
from tidemark.answers.requests import InvalidRequest
from tidemark.web.basket import Basket
from tidemark.web.guard import Guard
from tidemark.web.searches import Searches
from tidemark.web.source import Source
from tidemark.web.work import Works

# The path of a page, its name, its function, and the methods.
Route = tuple[str, str, Callable[..., ResponseReturnValue], tuple[str, ...]]
READ = ("GET",)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The source of the pages, the secrets of the server, and what runs for its readers."""

    source: Source
    guard: Guard
    searches: Searches = field(default_factory=Searches)
    works: Works = field(default_factory=Works)
    basket: Basket = field(default_factory=Basket)


def state() -> State:
    """Return the state of the server that answers the current request."""
    found: State = current_app.extensions["tidemark"]
    return found


def deployment() -> Connection:
    """Return the connection to the deployment; raise InvalidRequest if only a repository is read."""
    connection = state().source.connection
    if connection is None:
        raise InvalidRequest(
            "this page shows a deployment, and these pages read a repository without one; start them without "
            "--repository"
        )
    return connection
