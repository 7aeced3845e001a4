"""The three DynamoDB tables: their keys and secondary indexes, declared once.

`infra/` creates the tables from these declarations and `tidemark/aws/records.py` reads and writes by
them. All key attributes are strings. Secondary indexes lag behind their table, so the overlap rule
never reads one; lists and the sweeper do.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondaryIndex:
    """A global secondary index; an item without the partition key attribute is not in it."""

    name: str
    partition_key: str
    sort_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSchema:
    """A table, named `<deployment>-<suffix>`."""

    suffix: str
    partition_key: str
    sort_key: str | None
    secondary_indexes: tuple[SecondaryIndex, ...]

    def table_name(self, deployment: str) -> str:
        """Return the table's physical name in a deployment."""
        return f"{deployment}-{self.suffix}"


BY_FILE_SYSTEM = SecondaryIndex(name="by-file-system", partition_key="file_system", sort_key="opened_at")
# The list of all sessions is partitioned by month (2026-11), so that partitions stay bounded.
BY_MONTH = SecondaryIndex(name="by-month", partition_key="month", sort_key="opened_at")
# Only sessions that the sweeper watches have the attribute, so it reads nothing else.
RUNNING = SecondaryIndex(name="running", partition_key="running", sort_key="opened_at")

SESSIONS = TableSchema(
    suffix="sessions",
    partition_key="session_id",
    sort_key=None,
    secondary_indexes=(BY_FILE_SYSTEM, BY_MONTH, RUNNING),
)

BY_RECOVERY_POINT = SecondaryIndex(
    name="by-recovery-point", partition_key="recovery_point_arn", sort_key="record"
)
# Only lease items have the attribute, so the sweeper reads nothing else.
LEASES = SecondaryIndex(name="leases", partition_key="lease", sort_key="file_system")

INDEXES = TableSchema(
    suffix="indexes",
    partition_key="file_system",  # <account>/<region>/<file-system-id>
    sort_key="record",  # lease | restore | damage | index#<index id> | association#<recovery point ARN>
    secondary_indexes=(BY_RECOVERY_POINT, LEASES),
)

RESTORES_BY_MONTH = SecondaryIndex(name="by-month", partition_key="month", sort_key="started_at")
RESTORES_RUNNING = SecondaryIndex(name="running", partition_key="running", sort_key="started_at")

RESTORES = TableSchema(
    suffix="restores",
    partition_key="restore_id",
    sort_key=None,
    secondary_indexes=(RESTORES_BY_MONTH, RESTORES_RUNNING),
)

TABLES = (SESSIONS, INDEXES, RESTORES)
