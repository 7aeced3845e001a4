"""Metric names, which the functions write and the alarms and the dashboard read.

Every metric has the dimension DEPLOYMENT; session metrics are also published by POLICY.
"""

from __future__ import annotations

from tidemark.sessions.session import SessionStatus

NAMESPACE = "Tidemark"
DEPLOYMENT = "deployment"
POLICY = "policy"

EXPIRED_LEASES = "ExpiredLeases"  # indexing sessions whose lease expired and was taken away
SESSION_DURATION = "SessionDuration"  # seconds
UNPROTECTED = "UnprotectedFileSystems"  # whose newest backup is missing, or late for a schedule
OLDEST_BACKUP_AGE = "OldestBackupAge"  # seconds; of the newest backups, the greatest age
INDEXED_ENTRIES = "IndexedEntries"  # of an index, when it completes
INDEXING_SPEED = "IndexedEntriesPerSecond"  # of an index, from its claim to its completion
INDEX_LAG = "IndexLag"  # seconds from a backup to the completion of its index; 0 if the index was first
DRILLS_SUCCEEDED = "DrillsSucceeded"
DRILLS_FAILED = "DrillsFailed"  # also those that were stopped
DRILLED_FILES = "DrilledFiles"  # restored by drills and compared with their index
INDEXES_REMOVED = "IndexesRemoved"  # by retention
INDEX_BYTES_REMOVED = "IndexBytesRemoved"
DAMAGE_ALARMS = "DamageAlarms"  # indexes with suspicious changes
ENDS = (SessionStatus.SUCCESS, SessionStatus.WARNING, SessionStatus.FAILED, SessionStatus.ABORTED)


def restore_tests_ended(status: SessionStatus) -> str:
    """Return the name of the metric that counts restore tests with this status: `RestoreTestsFailed`."""
    return f"RestoreTests{status.value.title()}"


def sessions_ended(status: SessionStatus) -> str:
    """Return the name of the metric that counts sessions with this status, such as `SessionsSuccess`."""
    return f"Sessions{status.value.title()}"
