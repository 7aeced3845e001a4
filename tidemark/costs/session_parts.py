"""What sessions cost besides AWS Backup: the crawl, the worker, its network, the steps, the indexes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from tidemark.costs import sessions_cost as steps
from tidemark.costs import speeds
from tidemark.costs.inputs import FileSystemUse, NetworkUse, Period
from tidemark.costs.part import Usage, at_price, of_bytes
from tidemark.costs.prices import GB, Prices, has_price
from tidemark.costs.runs import Plan, PlannedRun
from tidemark.costs.stored_bytes import KeptPoint
from tidemark.policy.policy import DEFAULT_INSTANCE_TYPE, Policy

METERED_BYTES = 4_096  # of each metadata operation, at least. Source: EFS User Guide, "Metering"
NETWORK_BYTES = 300_000_000  # of a worker, besides the index: its image and its calls
_HOUR = 3_600


def session_parts(
    plan: Plan, file_systems: Sequence[FileSystemUse], network: NetworkUse, period: Period
) -> Iterator[Usage]:
    """Yield the parts of an average month of the period."""
    policy, runs = plan.policy, plan.runs_in(period)
    if policy.index:
        yield from _crawls(policy, file_systems, network, len(runs) / period.months)
        yield from _index_storage(policy, file_systems, plan.indexes, period)
    yield from _steps(policy, file_systems, runs, period.months)


def _crawls(
    policy: Policy, file_systems: Sequence[FileSystemUse], network: NetworkUse, runs: float
) -> Iterator[Usage]:
    region = policy.region
    metered = sum(use.entries * METERED_BYTES for use in file_systems if use.is_elastic) * runs
    note = " for the crawls' metadata operations, each metered as at least 4 KiB"
    yield of_bytes("EFS, Elastic throughput", region, "efs_elastic_read", metered, "GB", note)
    hours = sum(use.crawl_seconds + speeds.WORKER_START_SECONDS for use in file_systems) * runs / _HOUR
    yield from _worker(policy, hours)
    size = sum(use.index_bytes + NETWORK_BYTES for use in file_systems) * runs
    if network.way == "nat":
        yield of_bytes("worker through the NAT gateway", region, "nat_gb", size)
    elif network.way == "endpoints":
        yield of_bytes("worker through interface endpoints", region, "endpoint_gb", size)
    elif network.way == "public":
        yield at_price("public address of the worker", region, "public_address", hours, "hours")


def _worker(policy: Policy, hours: float) -> Iterator[Usage]:
    region, worker = policy.region, policy.worker
    if worker.kind == "ec2":
        kind = worker.instance_type or DEFAULT_INSTANCE_TYPE
        if has_price(kind):
            yield at_price("worker, EC2", region, kind, hours, f"hours of {kind}")
        else:
            yield Usage(
                name="worker, EC2",
                region=region,
                usd=Decimal(0),
                explanation=f"{hours:,.1f} hours of {kind}, whose price is not recorded: not included",
                figures=(),
                is_kept=True,
            )
        return
    prices = Prices(region)
    vcpus, memory = worker.cpu_units / 1024, worker.memory_mib / 1024
    hourly = Decimal(vcpus) * prices.usd("fargate_vcpu") + Decimal(memory) * prices.usd("fargate_gb")
    yield Usage(
        name="worker, Fargate",
        region=region,
        usd=Decimal(hours) * hourly,
        explanation=f"{hours:,.1f} hours of {vcpus:g} vCPU and {memory:g} GB at ${hourly:.5f}",
        figures=((region, "fargate_vcpu"), (region, "fargate_gb")),
    )


def _index_storage(
    policy: Policy, file_systems: Sequence[FileSystemUse], kept: Sequence[KeptPoint], period: Period
) -> Iterator[Usage]:
    days = (period.first, (period.first + period.last) // 2, period.last - 1)
    average = sum(index.is_kept(day) for index in kept for day in days) / len(days)
    size = sum(use.index_bytes for use in file_systems) * average
    note = f" for {average:,.0f} indexes of each file system"
    yield of_bytes("storage of indexes", policy.region, "s3_standard", size, "GB-months", note)


def _steps(
    policy: Policy, file_systems: Sequence[FileSystemUse], runs: Sequence[PlannedRun], months: int
) -> Iterator[Usage]:
    """Yield Step Functions, Lambda and requests. All copies are taken to need as long as the backup."""
    days = months * 365 / 12 / max(len(runs), 1)
    polls = [steps.polls(speeds.backup_seconds(*use.changed_within(days))) for use in file_systems]
    transitions = calls = 0
    for flags, number in Counter(run.flags for run in runs).items():
        copies = len(policy.for_run(flags).copies)
        one_run = [steps.transitions(each, [each] * copies, index=policy.index) for each in polls]
        transitions += number * (steps.transitions_of_run(len(file_systems)) + sum(one_run))
        called = [steps.calls(each, [each] * copies, index=policy.index) for each in polls]
        calls += number * (1 + sum(called))
    region, monthly = policy.region, calls / months
    yield at_price("Step Functions", region, "state_transition", transitions / months, "state transitions")
    gb_seconds = monthly * steps.LAMBDA_SECONDS * steps.LAMBDA_GB
    note = f", {monthly:,.0f} calls of about {steps.LAMBDA_SECONDS} s"
    yield at_price("Lambda, time", region, "lambda_gb_second", gb_seconds, "GB-seconds", note)
    yield at_price("Lambda, calls", region, "lambda_request", monthly, "calls")
    indexes = sum(use.index_bytes for use in file_systems) if policy.index else 0
    yield _requests(region, len(file_systems) * len(runs) / months, indexes * len(runs) / months)


def _requests(region: str, sessions: float, index_bytes: float) -> Usage:
    prices = Prices(region)
    puts = sessions * steps.PUTS + index_bytes / GB * 128  # parts of 8 MiB of an upload
    each = (
        steps.GETS * prices.usd("s3_get")
        + steps.WRITES * prices.usd("dynamodb_write")
        + steps.KMS_REQUESTS * prices.usd("kms_request")
    )
    usd = Decimal(puts) * prices.usd("s3_put") + Decimal(sessions) * each
    names = ("s3_put", "s3_get", "dynamodb_write", "kms_request")
    return Usage(
        name="requests to S3, DynamoDB and KMS",
        region=region,
        usd=usd,
        explanation=f"about {steps.PUTS + steps.GETS + steps.WRITES + steps.KMS_REQUESTS} for each session",
        figures=tuple((region, name) for name in names),
    )
