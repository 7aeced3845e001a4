"""Writes the record that an index describes a recovery point."""

from __future__ import annotations

from tidemark.sessions.indexing import LAST_ASSOCIATED, Association, IndexStatus, association_key, index_key
from tidemark.sessions.records import read_index
from tidemark.sessions.schema import INDEXES
from tidemark.sessions.transactions import ConditionNotMet, Put, Store, Update, absent, equal


def write_association(store: Store, association: Association) -> None:
    """Write an association unless the point has one, or its index is being removed (I5).

    Also changes the index's record, so that a removal that has not seen the association is refused; see
    removal.py. If the index is removed first, the session reports it when it closes.
    """
    file_system, arn = association.file_system, association.recovery_point_arn
    writes = (
        Put(table=INDEXES, item=association.to_item(), conditions=(absent("record"),)),
        Update(
            table=INDEXES,
            key=index_key(file_system, association.index_id),
            conditions=(equal("status", IndexStatus.COMPLETE.value),),
            set={LAST_ASSOCIATED: arn},
        ),
    )
    while True:
        try:
            store.transact(*writes)
        except ConditionNotMet:
            if store.get(INDEXES, association_key(file_system, arn)) is not None:
                return  # another writer was first
            index = read_index(store, file_system, association.index_id)
            if index is None or index.status is not IndexStatus.COMPLETE:
                return
            continue  # another point was associated with the index
        return
