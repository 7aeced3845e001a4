"""Retention of a file system's indexes: plan what is removed, and remove it.

The plan is a value, which `tidemark prune` prints. Objects of an index are removed after its record is marked
(removal.py), its manifest first, so that the index is invisible before any other file is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import code_of, is_denied
from tidemark.aws.publication import MANIFEST
from tidemark.aws.recovery_points import arns_of
from tidemark.aws.s3_url import place_of
from tidemark.aws.stored_indexes import HistoryLogs, exact_indexes, stored_indexes
from tidemark.sessions.index_facts import LookUp, read_facts
from tidemark.sessions.index_retention import Plan, PointState, Removal, Why, plan
from tidemark.sessions.removal import forget_association, forget_index, retire
from tidemark.sessions.session import FileSystem, Point
from tidemark.sessions.transactions import Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where indexes are stored, and the vaults of their recovery points."""

    url: str  # s3://bucket/prefix
    region: str
    vaults: Mapping[str, str]  # Region -> name


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed of one file system."""

    removed: tuple[Removal, ...]
    changed: tuple[str, ...]  # ids of indexes that changed since they were planned; the next run decides
    associations: int


def plan_for(
    clients: Clients, records: Store, repository: Repository, file_system: FileSystem, now: datetime
) -> Plan:
    """Return what retention removes of a file system now. Changes nothing."""
    s3 = clients.of("s3", repository.region)
    facts = read_facts(
        records,
        file_system,
        stored=stored_indexes(s3, repository.url, file_system),
        exact=exact_indexes(s3, repository.url, file_system),
        listed=lambda: arns_of(clients, file_system, repository.vaults).arns,
        look_up=_look_up_with(clients, repository.vaults, file_system.account),
    )
    return plan(facts, now, HistoryLogs(s3, repository.url, file_system))


def remove_planned(clients: Clients, records: Store, repository: Repository, planned: Plan) -> Pruned:
    """Remove what a plan names, and return it. After an interruption, the next plan contains the rest."""
    s3 = clients.of("s3", repository.region)
    removed: list[Removal] = []
    changed: list[str] = []
    for association in planned.associations:  # before their indexes, which they must not outlive (I5)
        forget_association(records, association)
    for removal in planned.removals:
        done = _remove(s3, records, repository.url, planned.file_system, removal)
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


def _look_up_with(clients: Clients, vaults: Mapping[str, str], account: str) -> LookUp:
    def look_up(unlisted: Mapping[str, Point | None]) -> Mapping[str, PointState]:
        return {arn: _state(clients, vaults, account, arn, point) for arn, point in unlisted.items()}

    return look_up


def _state(
    clients: Clients, vaults: Mapping[str, str], account: str, arn: str, point: Point | None
) -> PointState:
    """Return whether a point that no list contains exists.

    A policy may no longer name the vault of a copy, so each point is described in the vault that its session
    recorded. AWS Backup denies access to a vault that does not exist, and to one that it may not describe.
    """
    region, owner = arn.split(":")[3:5]
    vault = point.vault if point else vaults.get(region)
    if vault is None or owner != account:
        return PointState.UNKNOWN
    try:
        clients.of("backup", region).describe_recovery_point(BackupVaultName=vault, RecoveryPointArn=arn)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return PointState.GONE
        if is_denied(error):
            return PointState.UNKNOWN
        raise
    return PointState.LIVING


def _keys(s3: S3Client, bucket: str, below: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below):
        for found in page.get("Contents", []):
            yield found["Key"]
