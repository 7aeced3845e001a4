"""What retention removes of each file system, and the execution that removes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tidemark.answers.connection import Connection
from tidemark.aws import executions
from tidemark.aws.clients import Clients
from tidemark.aws.pruning import plan_for
from tidemark.aws.sites import AccountClients
from tidemark.aws.stored_indexes import indexed_file_systems
from tidemark.errors import NotDeployed, PruneFailed, SiteNotAccessible
from tidemark.sessions.index_retention import Kept, Plan, Why
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:
    from typing import NoReturn

_AT_ONCE = 4  # file systems whose recovery points are listed concurrently
POLL_INTERVAL = timedelta(seconds=3)

REASONS = {
    Why.EXPIRED: "no recovery point or copy refers to it, and its own time has passed",
    Why.FAILED: "its indexing session failed",
    Why.UNFINISHED: "it was never completed, and no session works on it",
    Why.INTERRUPTED: "an earlier removal was interrupted",
    Why.LEFTOVER: "files of lost workers next to the index, which is kept",
    Why.TESTED: "index of a restore test whose recovery point no longer exists",
}
KEPT = {
    Kept.POINTS: "recovery points refer to it",
    Kept.UNCLEAR: "a recovery point that refers to it cannot be looked up",
    Kept.SESSION: "a session may still associate recovery points with it",
    Kept.RUNNING: "it is being created",
    Kept.OWN_TIME: "its own time has not passed",
    Kept.YOUNG: "it is younger than the safety age",
    Kept.RESTORE: "a restore is in progress",
    Kept.HISTORY: "later indexes refer to its log of versions",
    Kept.NO_RECORD: "it has no record: it was built manually, or the tables were lost",
}


def plans(connection: Connection, file_systems: Sequence[str], now: datetime) -> Iterator[Plan]:
    """Yield the plan of each file system; of all with indexes or policies if none is named.

    Points in other accounts cannot be looked up with the user's credentials, so their indexes count as kept.
    """
    resources = connection.resources
    s3 = connection.clients.of("s3", resources.region)
    found = known_file_systems(connection, file_systems)

    def clients_of(account: str) -> Clients:
        return connection.clients if account == resources.account else AccountClients(_refused(account))

    def of(file_system: FileSystem) -> Plan:
        return plan_for(s3, connection.records, resources.repository, clients_of, file_system, now)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(of, found)


def known_file_systems(connection: Connection, named: Sequence[str]) -> list[FileSystem]:
    """Return the named file systems; if none is named, those of the policies and of the repository."""
    if named:
        return sorted({connection.file_system(each) for each in named})
    s3 = connection.clients.of("s3", connection.resources.region)
    policies = connection.policies()
    found = {connection.file_system(each) for policy in policies for each in policy.file_systems}
    return sorted(found | set(indexed_file_systems(s3, connection.resources.repository)))


def start_pruning(connection: Connection, file_systems: Sequence[FileSystem]) -> str:
    """Start the execution that removes, and return its ARN. It decides again what it removes.

    Raises NotDeployed for a deployment of an earlier version.
    """
    machine, region = connection.resources.prune_run, connection.resources.region
    if not machine:
        raise NotDeployed(connection.deployment, region)
    states = connection.clients.of("stepfunctions", region)
    return executions.start(states, machine, None, {"file_systems": [str(each) for each in file_systems]})


def await_pruning(connection: Connection, execution: str, sleep: Callable[[float], None]) -> dict[str, int]:
    """Wait for the end of the execution and return the numbers that it reports; raise PruneFailed."""
    states = connection.clients.of("stepfunctions", connection.resources.region)
    while (ended := executions.ended_as(states, execution)) is None:
        sleep(POLL_INTERVAL.total_seconds())
    if ended != "SUCCEEDED":
        raise PruneFailed(executions.failure_of(states, execution) or f"its execution is {ended}")
    return executions.output_of(states, execution)


def _refused(account: str) -> Callable[[str], Clients]:
    def refuse(region: str) -> NoReturn:
        raise SiteNotAccessible(account, region, "only the deployment's functions call there")

    return refuse
