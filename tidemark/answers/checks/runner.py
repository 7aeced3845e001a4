"""All checks of a deployment, a policy or a file system. They start and change nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from tidemark.answers.checks.backup import backup_checks
from tidemark.answers.checks.mounting import mounting_checks
from tidemark.answers.checks.permissions import permission_checks
from tidemark.answers.checks.quotas import quota_checks
from tidemark.answers.checks.result import CheckResult, Status
from tidemark.answers.checks.scope import Scope
from tidemark.answers.checks.storage import notification_checks, storage_checks
from tidemark.answers.connection import Connection
from tidemark.errors import FileSystemNotInPolicy
from tidemark.policy.policy import FILE_SYSTEM_ID, Policy


def scope_of(connection: Connection, target: str | None) -> Scope:
    """Return the scope of a policy, of a file system in all policies that name it, or of everything.

    It contains the file systems of the home site. Raises PolicyNotFound, and FileSystemNotInPolicy if no
    policy names the file system there.
    """
    if target is None:
        return _at_home(connection, connection.policies())
    if not FILE_SYSTEM_ID.fullmatch(target):
        return _at_home(connection, [connection.policy(target)])
    deployed = connection.policies()
    found = tuple(
        dataclasses.replace(policy, file_systems=(target,))
        for policy in deployed
        if target in policy.file_systems
    )
    if not found:
        names = ", ".join(policy.name for policy in deployed) or "(none)"
        known = sorted({each for policy in deployed for each in policy.file_systems})
        raise FileSystemNotInPolicy(target, names, known)
    return Scope(connection=connection, policies=found)


def _at_home(connection: Connection, policies: Sequence[Policy]) -> Scope:
    named = dict.fromkeys(name for policy in policies for name in policy.file_systems)
    return Scope(
        connection=connection,
        policies=tuple(own for policy in policies if (own := policy.at_home).file_systems),
        elsewhere=tuple(name for name in named if "/" in name),
    )


def run_checks(scope: Scope) -> Iterator[CheckResult]:
    """Yield the results, each as soon as it is known."""
    yield from backup_checks(scope)
    yield from mounting_checks(scope)
    yield from quota_checks(scope)
    yield from storage_checks(scope)
    yield from permission_checks(scope)
    yield from notification_checks(scope)
    yield from elsewhere_checks(scope)


def elsewhere_checks(scope: Scope) -> Iterator[CheckResult]:
    """Yield a warning for each file system of another site, which is not checked from here."""
    for name in scope.elsewhere:
        yield CheckResult(
            name="site",
            subject=name,
            status=Status.WARNED,
            message="is not checked from the home site",
            fix="run its policy: its session checks it before the backup",
        )
