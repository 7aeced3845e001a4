"""Strong reads of single records, and updates of an existing session."""

from __future__ import annotations

from collections.abc import Mapping

from tidemark.errors import SessionNotFound
from tidemark.sessions.indexing import Index, Lease, index_key, lease_key
from tidemark.sessions.schema import INDEXES, SESSIONS
from tidemark.sessions.session import FileSystem, Session
from tidemark.sessions.transactions import Key, Path, Store, Value, update_existing


def session_key(session_id: str) -> Key:
    """Return the key of a session's item."""
    return {"session_id": session_id}


def read_session(store: Store, session_id: str) -> Session:
    """Return the current session; raise SessionNotFound."""
    item = store.get(SESSIONS, session_key(session_id))
    if item is None:
        raise SessionNotFound(session_id)
    return Session.from_item(item)


def read_index(store: Store, file_system: FileSystem, index_id: str) -> Index | None:
    """Return the current record of an index; None if there is none."""
    item = store.get(INDEXES, index_key(file_system, index_id))
    return None if item is None else Index.from_item(item)


def read_lease(store: Store, file_system: FileSystem) -> Lease | None:
    """Return the file system's current lease, live or expired; None if there is none."""
    item = store.get(INDEXES, lease_key(file_system))
    return None if item is None else Lease.from_item(item)


def update_session(
    store: Store, session_id: str, attributes: Mapping[Path, Value], *, remove: tuple[str, ...] = ()
) -> None:
    """Set and remove attributes of a session's record; raise SessionNotFound."""
    update_existing(
        store,
        SESSIONS,
        session_key(session_id),
        attributes,
        remove=remove,
        check_exists=lambda: read_session(store, session_id),
    )
