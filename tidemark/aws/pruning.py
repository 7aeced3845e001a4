"""Retention of a file system's indexes: plan what is removed, and remove it.

The plan is a value, which `tidemark prune` prints. Objects of an index are removed after its record is marked
(removal.py), its manifest first, so that the index is invisible before any other file is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tidemark.aws.held_points import ClientsOf, HeldPoints
from tidemark.aws.publication import MANIFEST
from tidemark.aws.s3_url import place_of
from tidemark.aws.stored_indexes import HistoryLogs, exact_indexes, stored_indexes
from tidemark.sessions.index_facts import read_facts
from tidemark.sessions.index_retention import Plan, Removal, Why, plan
from tidemark.sessions.removal import forget_association, forget_index, retire
from tidemark.sessions.session import FileSystem
from tidemark.sessions.transactions import Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed of one file system."""

    removed: tuple[Removal, ...]
    changed: tuple[str, ...]  # ids of indexes that changed since they were planned; the next run decides
    associations: int


def plan_for(
    s3: S3Client,
    records: Store,
    repository: str,
    clients_of: ClientsOf,
    file_system: FileSystem,
    now: datetime,
) -> Plan:
    """Return what retention removes of a file system now. Changes nothing.

    `repository` is its URL, `s3://bucket/prefix`.
    """
    points = HeldPoints(clients_of, file_system)
    facts = read_facts(
        records,
        file_system,
        stored=stored_indexes(s3, repository, file_system),
        exact=exact_indexes(s3, repository, file_system),
        look_up=points.look_up,
        exists=points.exists,
    )
    return plan(facts, now, HistoryLogs(s3, repository, file_system))


def remove_planned(s3: S3Client, records: Store, repository: str, planned: Plan) -> Pruned:
    """Remove what a plan names, and return it. After an interruption, the next plan contains the rest."""
    removed: list[Removal] = []
    changed: list[str] = []
    for association in planned.associations:  # before their indexes, which they must not outlive (I5)
        forget_association(records, association)
    for removal in planned.removals:
        done = _remove(s3, records, repository, planned.file_system, removal)
        removed += [removal] if done else []
        changed += [] if done else [removal.index_id]
    return Pruned(removed=tuple(removed), changed=tuple(changed), associations=len(planned.associations))


def _remove(s3: S3Client, records: Store, repository: str, file_system: FileSystem, removal: Removal) -> bool:
    """Remove an index or the files next to it; return False if it has changed since it was planned."""
    bucket, prefix = place_of(repository)
    whole = f"{prefix}indexes/{file_system}/{removal.index_id}/"
    if removal.why is Why.TESTED:
        whole = f"{prefix}restores/{file_system}/{removal.index_id}/indexes/"
    if removal.why is Why.LEFTOVER:
        for name in removal.files:
            s3.delete_object(Bucket=bucket, Key=whole + name)
        return True
    if removal.record is not None and not retire(records, removal.record):
        return False
    keys = sorted(_keys(s3, bucket, whole), key=lambda key: (not key.endswith(f"/{MANIFEST}"), key))
    if removal.why is Why.UNFINISHED and whole + MANIFEST in keys:
        return False
    for key in keys:
        s3.delete_object(Bucket=bucket, Key=key)
    if removal.record is not None:
        forget_index(records, file_system, removal.index_id)
    return True


def _keys(s3: S3Client, bucket: str, below: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below):
        for found in page.get("Contents", []):
            yield found["Key"]
