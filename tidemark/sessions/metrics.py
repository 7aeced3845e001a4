"""What is counted: the names that the functions write, and that alarms and dashboard read.

Every metric has the dimension DEPLOYMENT; those of sessions are there a second time by POLICY, too.
"""

from __future__ import annotations

from tidemark.sessions.session import SessionStatus

NAMESPACE = "Tidemark"
DEPLOYMENT = "deployment"
POLICY = "policy"

EXPIRED_LEASES = "ExpiredLeases"  # indexing sessions that fell silent and were given up
SESSION_DURATION = "SessionDuration"  # seconds
ENDS = (SessionStatus.SUCCESS, SessionStatus.WARNING, SessionStatus.FAILED, SessionStatus.ABORTED)


def sessions_ended(status: SessionStatus) -> str:
    """Return the name of the metric that counts the sessions which ended so: `SessionsSuccess`."""
    return f"Sessions{status.value.title()}"
