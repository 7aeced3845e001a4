"""The column of lists that shows the account and Region of a file system."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidemark.answers.connection import Connection
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
