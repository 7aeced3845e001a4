"""What a policy's file systems measure: sizes, changes and crawls from their indexes, the rest from EFS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.answers.connection import Connection
from tidemark.answers.text import count, size
from tidemark.aws.errors import code_of, is_denied
from tidemark.aws.network import choose_networks
from tidemark.aws.reachability import way_out
from tidemark.costs.change_rate import ChangeRate
from tidemark.costs.inputs import FileSystemUse, NetworkUse
from tidemark.errors import FileSystemNotFound, NoMountTarget, WorkerCutOff, WorkerNetworkNotFound
from tidemark.policy.policy import Policy

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.storage.catalog import SkipIndex

# Assumed where nothing is measured.
DAILY_PERCENT = 2.0  # of the bytes
BYTES_OF_A_FILE = 1_000_000
CRAWLED_PER_SECOND = 1_000
INDEX_BYTES_OF_AN_ENTRY = 19  # docs/performance.md, all files of an index

_OF_AWS_BACKUP = "/aws-backup-"  # directories that every crawl excludes
_NEWEST = 40  # indexes whose changes are read
_SHORTEST_DAYS = 1 / 24  # a shorter interval between two indexes says nothing about a day


def file_system_use(
    connection: Connection, file_system_id: str, skip_index: SkipIndex, *, daily_percent: float | None
) -> FileSystemUse:
    """Return the size of a file system and how it changes.

    `daily_percent` of its bytes change each day; None: measured, or DAILY_PERCENT. Raises FileSystemNotFound.
    """
    from tidemark.index.query.changed_files import changed_files
    from tidemark.index.storage.catalog import list_indexes

    region = connection.resources.region
    described, assumptions = _described(connection, file_system_id), list[str]()
    metered, is_elastic = described if described is not None else (None, True)
    if described is None:
        assumptions.append(
            "its settings could not be read, which needs elasticfilesystem:DescribeFileSystems; Elastic "
            "throughput is assumed"
        )
    indexes = [
        index
        for index in list_indexes(connection.repository, file_system_id, skip_index)
        if index.identity.region == region and index.source is None
    ][-_NEWEST:]
    newest = indexes[-1] if indexes else None
    if newest is None:
        assumptions.append(
            f"it has no index yet; files of {size(BYTES_OF_A_FILE)} on average and a crawl of "
            f"{CRAWLED_PER_SECOND:,} entries per second are assumed"
        )
    total = _size(metered, newest)
    measured = list(changed_files(connection.repository, indexes)) if daily_percent is None else []
    rate = [(each.days, each.bytes) for each in measured if each.days >= _SHORTEST_DAYS]
    files = newest.totals.files if newest else -(-total // BYTES_OF_A_FILE)
    if rate:
        changes = ChangeRate(size=total, measured=tuple(rate))
        last = measured[-1]
        changed_daily = last.files / last.days
        assumptions.append(
            f"changes are those between its newest {count(len(measured) + 1, 'index', 'indexes')}: "
            f"{size(round(changes.over(1)))} within a day"
        )
    else:
        percent = DAILY_PERCENT if daily_percent is None else daily_percent
        changes = ChangeRate.of_daily(total, total * percent / 100)
        changed_daily = files * percent / 100
        given = "" if daily_percent is not None else " (its indexes do not show it)"
        assumptions.append(f"{percent:g}% of {size(total)} change each day{given}, different files each day")
    entries = newest.totals.entries if newest else files
    return FileSystemUse(
        file_system_id=file_system_id,
        size=total,
        files=files,
        entries=entries,
        changes=changes,
        changed_files_daily=changed_daily,
        is_elastic=is_elastic,
        crawl_seconds=_crawl_seconds(newest) if newest else entries / CRAWLED_PER_SECOND,
        index_bytes=_index_bytes(newest) if newest else entries * INDEX_BYTES_OF_AN_ENTRY,
        assumptions=tuple(assumptions),
    )


def network_use(connection: Connection, policy: Policy) -> tuple[NetworkUse, tuple[str, ...]]:
    """Return the network of the policy's workers, that of its first file system, and what is not known."""
    if not policy.index:
        return NetworkUse(way="unknown"), ()
    clients, region = connection.clients, connection.resources.region
    file_system = connection.file_system(policy.file_systems[0])
    ec2 = clients.of("ec2", region)
    try:
        networks = choose_networks(clients.of("efs", region), ec2, file_system, policy.worker)
        subnets = list(dict.fromkeys(subnet for network in networks for subnet in network.subnets))
        found = way_out(ec2, subnets, region=region, public_address=policy.worker.public_address)
    except (FileSystemNotFound, NoMountTarget, WorkerNetworkNotFound, WorkerCutOff):
        problem = f"no worker can run for it, see: tidemark check {policy.name}"
    except ClientError as error:
        if not is_denied(error):
            raise
        problem = f"its network could not be read, which needs the permissions of {error.operation_name}"
    else:
        return NetworkUse(way=found.way, endpoints=found.endpoints, gateways=found.gateways), ()
    fact = f"{file_system.file_system_id}: {problem}; the cost of the network is not included."
    return NetworkUse(way="unknown"), (fact,)


def _described(connection: Connection, file_system_id: str) -> tuple[int, bool] | None:
    """Return the metered size, and whether throughput is Elastic; None if these credentials may not see."""
    region = connection.resources.region
    try:
        answer = connection.clients.of("efs", region).describe_file_systems(FileSystemId=file_system_id)
    except ClientError as error:
        if code_of(error) == "FileSystemNotFound":
            raise FileSystemNotFound(file_system_id, region) from error
        if is_denied(error):
            return None
        raise
    found = answer["FileSystems"][0]
    return found["SizeInBytes"]["Value"], found.get("ThroughputMode") == "elastic"


def _size(metered: int | None, newest: Manifest | None) -> int:
    """Return the bytes that a backup holds.

    EFS meters sizes every hour, and at least 4 KiB for a file; an index with exclusions has only a part.
    """
    if newest is None:
        return metered or 0
    excluded = [pattern for pattern in newest.excluded if not pattern.startswith(_OF_AWS_BACKUP)]
    return max(metered or 0, newest.totals.bytes) if excluded else newest.totals.bytes


def _crawl_seconds(newest: Manifest) -> float:
    return (newest.crawl_ended_at - newest.crawl_started_at).total_seconds()


def _index_bytes(newest: Manifest) -> int:
    return sum(file.bytes for file in (*newest.parts, *newest.side_files))


def file_system_uses(
    connection: Connection, file_systems: Sequence[str], skip_index: SkipIndex, *, daily_percent: float | None
) -> Iterator[FileSystemUse]:
    """Yield the use of each file system."""
    for each in file_systems:
        yield file_system_use(connection, each, skip_index, daily_percent=daily_percent)
