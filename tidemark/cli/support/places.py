"""Account and Region of file systems in lists: the column, and the options that select them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import typer

from tidemark.answers.connection import Connection
from tidemark.policy.sites import HOME
from tidemark.sessions.session import FileSystem


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The places of file systems as texts of one width."""

    texts: dict[FileSystem, str]
    width: int  # 0 in a deployment with one site, whose lists have no such column

    def column(self, file_system: FileSystem) -> str:
        """Return the column with the space after it; empty without the column."""
        return f"{self.texts[file_system]:<{self.width}}  " if self.width else ""


def places_of(connection: Connection, file_systems: Iterable[FileSystem]) -> Places:
    """Return the places of these file systems, such as `production/eu-west-1`."""
    if not connection.resources.sites:
        return Places(texts={}, width=0)
    texts = {each: connection.place(each) for each in file_systems}
    return Places(texts=texts, width=max(map(len, [*texts.values(), "place"])))


Account = Annotated[
    str | None,
    typer.Option(
        "--account",
        metavar="NAME|ID",
        help="List only this account: a name in tidemark.yaml, home, or an id.",
    ),
]
Region = Annotated[str | None, typer.Option("--region", metavar="REGION", help="List only this Region.")]


def account_id(connection: Connection, account: str | None) -> str | None:
    """Return the id of an account by its name or id; None for None.

    Raises typer.BadParameter for a name that the deployment does not have.
    """
    if account is None:
        return None
    known = {site.name: site.account for site in connection.sites if site.is_foreign}
    known[HOME] = connection.resources.account
    if account in known.values():
        return account
    if account not in known:
        raise typer.BadParameter(f"{account!r} is not an account of the deployment; use {', '.join(known)}")
    return known[account]
