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
DRILLS_SUCCEEDED = "DrillsSucceeded"
DRILLS_FAILED = "DrillsFailed"  # also those that were stopped
DRILLED_FILES = "DrilledFiles"  # restored by drills and compared with their index
DAMAGE_ALARMS = "DamageAlarms"  # indexes with suspicious changes
ENDS = (SessionStatus.SUCCESS, SessionStatus.WARNING, SessionStatus.FAILED, SessionStatus.ABORTED)


def restore_tests_ended(status: SessionStatus) -> str:
    """Return the name of the metric that counts restore tests with this status: `RestoreTestsFailed`."""
    return f"RestoreTests{status.value.title()}"


def sessions_ended(status: SessionStatus) -> str:
    """Return the name of the metric that counts sessions with this status, such as `SessionsSuccess`."""
    return f"Sessions{status.value.title()}"
