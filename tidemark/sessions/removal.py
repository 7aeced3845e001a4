"""Transactions that remove an index and associations of recovery points that no longer exist.

`retire` marks the record of an index as being removed, and only then its objects are deleted. Every
association changes the record of its index in the same transaction, on the condition that the index is
complete. So an association that is written before `retire` refuses it, and one that comes later is refused:
no association refers to an index that is being removed (I5). The record is deleted last: if a removal is
interrupted, the next one finds the record and continues.
"""

from __future__ import annotations

from tidemark.sessions.indexing import (
    LAST_ASSOCIATED,
    Association,
    Index,
    IndexStatus,
    association_key,
    index_key,
)
from tidemark.sessions.schema import INDEXES
from tidemark.sessions.session import FileSystem
from tidemark.sessions.transactions import ConditionNotMet, Delete, Store, Update, equal, unchanged


def retire(store: Store, index: Index) -> bool:
    """Mark an ended index as being removed; return False if its record has changed since it was read.

    `index` must have been read before the associations of its file system. Idempotent.
    """
    if index.status is IndexStatus.REMOVING:
        return True
    item = index.to_item()
    try:
        store.transact(
            Update(
                table=INDEXES,
                key=index_key(index.file_system, index.index_id),
                conditions=(equal("status", index.status.value), unchanged(item, LAST_ASSOCIATED)),
                set={"status": IndexStatus.REMOVING.value},
            )
        )
    except ConditionNotMet:
        return False
    return True


def forget_index(store: Store, file_system: FileSystem, index_id: str) -> None:
    """Delete the record of an index that is being removed; any other record is unchanged."""
    _delete_if(
        store,
        Delete(
            table=INDEXES,
            key=index_key(file_system, index_id),
            conditions=(equal("status", IndexStatus.REMOVING.value),),
        ),
    )


def forget_association(store: Store, association: Association) -> None:
    """Delete the association of a recovery point that no longer exists."""
    _delete_if(
        store,
        Delete(
            table=INDEXES,
            key=association_key(association.file_system, association.recovery_point_arn),
            conditions=(equal("index_id", association.index_id),),
        ),
    )


def _delete_if(store: Store, delete: Delete) -> None:
    """Delete an item if its condition holds; the next run decides again otherwise."""
    try:
        store.transact(delete)
    except ConditionNotMet:
        return
