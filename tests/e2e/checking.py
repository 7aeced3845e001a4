"""Results of tidemark check in this process, for the tests of its checks."""

from __future__ import annotations

from tidemark.answers.checks.result import CheckResult, Status
from tidemark.answers.checks.runner import run_checks
from tidemark.answers.checks.scope import Scope
from tidemark.answers.connection import Connection
from tidemark.policy.policy import Policy


def results(connection: Connection, policy: Policy) -> list[CheckResult]:
    return list(run_checks(Scope(connection=connection, policies=(policy,))))


def not_passed(found: list[CheckResult]) -> list[tuple[str, str, str]]:
    return [
        (each.name, each.subject, each.status.value) for each in found if each.status is not Status.PASSED
    ]


def only(connection: Connection, policy: Policy) -> CheckResult:
    """Return the only result that is not a pass."""
    (found,) = (each for each in results(connection, policy) if each.status is not Status.PASSED)
    assert found.fix, "each failure has a next step"
    return found
