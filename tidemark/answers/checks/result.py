"""Results of checks, and their translation from errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import ClientError

from tidemark.aws.errors import is_denied, message_of, translate
from tidemark.errors import AccessDenied, TidemarkError

_DENIED_ACTION = re.compile(r"perform:? ([a-z0-9-]+:[A-Za-z]+)")


class Status(StrEnum):
    """How a check ended."""

    PASSED = "pass"
    WARNED = "warn"  # it may work, or could not be checked
    FAILED = "fail"  # a session would fail


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of one check of one subject."""

    name: str  # of the check, such as vault-lock; a contract
    subject: str  # a file system, a vault, a Region, a role, ...
    status: Status
    message: str  # a fact
    fix: str = ""  # the next step; empty for a pass


@dataclass(slots=True)
class Outcomes:
    """The results of one check of one subject while it runs: a pass, unless something else is added."""

    name: str
    subject: str
    results: list[CheckResult]

    def add(self, status: Status, message: str, fix: str = "") -> None:
        """Add a result."""
        self.results.append(
            CheckResult(name=self.name, subject=self.subject, status=status, message=message, fix=fix)
        )

    def fail(self, message: str, fix: str) -> None:
        """Add a failure."""
        self.add(Status.FAILED, message, fix)

    def warn(self, message: str, fix: str) -> None:
        """Add a warning."""
        self.add(Status.WARNED, message, fix)

    def warn_of_missing(self, permission: str) -> None:
        """Add a warning that the check needs a permission."""
        self.warn(
            f"could not be checked: needs permission {permission}", f"grant {permission} to these credentials"
        )


@contextmanager
def check(name: str, subject: str, passes: str) -> Iterator[Outcomes]:
    """Run one check: a block that adds results, or raises an error, which becomes one.

    `passes` is the fact that holds if neither happens. A call that is denied becomes a warning that names the
    permission; other errors of Tidemark become failures, with the fact and the next step of their message.
    """
    outcomes = Outcomes(name=name, subject=subject, results=[])
    try:
        yield outcomes
    except AccessDenied as error:
        fact, _, step = str(error).partition("; ")
        outcomes.warn(f"could not be checked: {fact}", step)
    except TidemarkError as error:
        fact, _, step = str(error).rpartition("; ")
        outcomes.fail(fact, step)
    except ClientError as error:
        if is_denied(error):
            outcomes.warn_of_missing(action_of(error))
        elif (known := translate(error)) is not None:
            raise known from error
        else:
            raise
    if not outcomes.results:
        outcomes.add(Status.PASSED, passes)


def action_of(error: ClientError) -> str:
    """Return the permission that a denied call needs: as AWS's message names it, or else the operation."""
    found = _DENIED_ACTION.search(message_of(error))
    return found[1] if found else str(error.operation_name)
