"""The steps of a session: transitions of Step Functions and calls of Lambda.

The numbers are those of tidemark/workflows: a test counts the steps of recorded executions.
"""

from __future__ import annotations

from datetime import timedelta

from tidemark.sessions.polling import next_wait

LAMBDA_SECONDS = 0.3  # of a call, with the SDK's requests; measured with warm and cold functions
LAMBDA_GB = 0.5
# Requests of a session, about: records, leases and associations; data keys of bucket, tables and tags.
WRITES, KMS_REQUESTS = 60, 150
GETS, PUTS = 60, 40
SWEEPS_PER_MONTH = 4 * 730


def polls(seconds: float) -> int:
    """Return how often a job of this duration is polled until its end is seen."""
    waited, count = timedelta(0), 0
    while count == 0 or waited.total_seconds() < seconds:
        waited += next_wait(waited)
        count += 1
    return count


def transitions(backup_polls: int, copy_polls: list[int], *, index: bool) -> int:
    """Return the state transitions of one session, with its indexing session."""
    # Open, start, copy and index, copies, close; a poll is a wait, a check and a choice.
    session = 5 + 3 * backup_polls + sum(2 + 3 * each for each in copy_polls)
    # An indexing session also makes a choice: whether its changes are suspicious.
    return session + (5 + 5 if index else 2)


def calls(backup_polls: int, copy_polls: list[int], *, index: bool) -> int:
    """Return the Lambda calls of one session, with its indexing session."""
    session = 3 + backup_polls + sum(1 + each for each in copy_polls)
    return session + (2 + 4 if index else 0)


def transitions_of_run(file_systems: int) -> int:
    """Return the state transitions of one policy-run."""
    return 4 + file_systems
