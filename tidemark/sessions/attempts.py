"""The worker launch that an indexing session waits for, stored on the index's record.

The event of a stopped machine contains the machine's id but not the task token that it was given. Ending
the index replaces the whole record, including the token.
"""

from __future__ import annotations

from tidemark.sessions.indexing import Attempt, IndexStatus, index_key
from tidemark.sessions.schema import INDEXES
from tidemark.sessions.session import FileSystem
from tidemark.sessions.transactions import ConditionNotMet, Store, Update, equal

_WORKER, _TOKEN = "worker_id", "worker_token"


def record_attempt(store: Store, file_system: FileSystem, index_id: str, attempt: Attempt) -> bool:
    """Record the launch in place of an earlier one; return False if the index no longer runs.

    Called before the launch, without a worker id, and again after it. A worker that stops in between then
    finds a record without a worker id, and is not mistaken for a replaced one.
    """
    try:
        store.transact(
            Update(
                table=INDEXES,
                key=index_key(file_system, index_id),
                conditions=(equal("status", IndexStatus.RUNNING.value),),
                set={_WORKER: attempt.worker_id, _TOKEN: attempt.task_token},
            )
        )
    except ConditionNotMet:
        return False
    return True


def read_attempt(store: Store, file_system: FileSystem, index_id: str) -> Attempt | None:
    """Return the launch that the indexing session waits for; None if it waits for none."""
    item = store.get(INDEXES, index_key(file_system, index_id))
    if item is None or item.get("status") != IndexStatus.RUNNING.value or _TOKEN not in item:
        return None
    return Attempt(worker_id=str(item[_WORKER]), task_token=str(item[_TOKEN]))
