"""Estimates the duration and the cost of a restore.

Sources: tidemark/costs, for speeds and prices. AWS
documents no durations of small jobs and of cold storage. The overheads are assumptions, which every estimate
states.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from tidemark.costs import speeds
from tidemark.costs.prices import GB, Prices, origin
from tidemark.restore.plan import CostPart, Estimate

# Assumed, as AWS documents nothing: scheduling a restore job, writing little, and recording its end.
JOB_OVERHEAD_SECONDS = 300
# Assumed for comparing and moving over NFS: about a millisecond for each of the few operations of an entry.
PLACED_PER_SECOND = 1_000
WORKER_VCPUS, WORKER_GB = 1, 2  # the default size of a worker

DOCUMENTED_PATHS = 5  # of one job, in the API Reference, StartRestoreJob; the lowest of AWS's documents

_USED = ("restore_warm", "restore_cold", "restore_items", "efs_standard", "fargate_vcpu", "fargate_gb")
_CENT_OF_A_CENT = Decimal("0.0001")
_HOUR = 3600
DAYS_PER_MONTH = 30


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A restore job, and what AWS Backup writes."""

    entries: int
    bytes: int
    is_cold: bool
    is_whole: bool  # of a whole recovery point, without ItemsToRestore
    paths: int = 1  # in ItemsToRestore


def estimate(
    jobs: Sequence[Job], region: str, *, is_counted: bool = True, is_temporary: bool = False
) -> Estimate:
    """Return the estimate for jobs that run one after another, and the worker that places what they write.

    `is_counted` is whether the indexes contain everything that the jobs write; `is_temporary`, whether it is
    removed within a day.
    """
    prices = Prices(region)
    entries, size = sum(job.entries for job in jobs), sum(job.bytes for job in jobs)
    fastest = sum(restore_seconds(job) for job in jobs)
    placing = speeds.WORKER_START_SECONDS + _ceil(entries, PLACED_PER_SECOND) if jobs else 0
    parts = _parts(jobs, prices, placing, is_temporary=is_temporary)
    return Estimate(
        jobs=len(jobs),
        entries=entries,
        bytes=size,
        seconds_low=fastest,
        seconds=fastest + JOB_OVERHEAD_SECONDS * len(jobs) + placing,
        parts=parts,
        usd=sum((part.usd for part in parts), Decimal(0)).quantize(_CENT_OF_A_CENT),
        assumptions=_assumptions(jobs, region, prices, is_counted=is_counted),
    )


def restore_seconds(job: Job) -> int:
    """Return the seconds that AWS Backup needs at its documented speeds, whichever is slower."""
    return speeds.restore_seconds(job.entries, job.bytes)


def _parts(jobs: Sequence[Job], prices: Prices, placing: int, *, is_temporary: bool) -> tuple[CostPart, ...]:
    warm = sum(job.bytes for job in jobs if not job.is_cold)
    cold = sum(job.bytes for job in jobs if job.is_cold)
    with_items, items = sum(not job.is_whole for job in jobs), prices.usd("restore_items")
    per_hour = WORKER_VCPUS * prices.usd("fargate_vcpu") + WORKER_GB * prices.usd("fargate_gb")
    parts = (
        _per_gb("restore from warm storage", warm, prices.usd("restore_warm"), ""),
        _per_gb("restore from cold storage", cold, prices.usd("restore_cold"), ""),
        _part(
            "item-level restores",
            with_items * items,
            f"{with_items:,} {'job' if with_items == 1 else 'jobs'} at ${items} each",
        ),
        _stored(warm + cold, prices, is_temporary=is_temporary),
        _part(
            "worker",
            per_hour * placing / _HOUR,
            f"{placing:,} seconds of a Fargate task with {WORKER_VCPUS} vCPU and {WORKER_GB} GB "
            f"at ${per_hour} per hour",
        ),
    )
    return tuple(part for part in parts if part.usd)


def _stored(size: int, prices: Prices, *, is_temporary: bool) -> CostPart:
    if is_temporary:
        price = prices.usd("efs_standard") / DAYS_PER_MONTH
        return _per_gb("EFS Standard storage, one day", size, price.quantize(_CENT_OF_A_CENT), " and day")
    return _per_gb(
        "EFS Standard storage, one month",
        size,
        prices.usd("efs_standard"),
        " and month, less if it is deleted or moved to another storage class",
    )


def _per_gb(name: str, size: int, price: Decimal, more: str) -> CostPart:
    return _part(name, Decimal(size) / GB * price, f"{Decimal(size) / GB:,.3f} GB at ${price} per GB{more}")


def _part(name: str, usd: Decimal, explanation: str) -> CostPart:
    return CostPart(name=name, usd=usd.quantize(_CENT_OF_A_CENT, ROUND_HALF_UP), explanation=explanation)


def _assumptions(jobs: Sequence[Job], region: str, prices: Prices, *, is_counted: bool) -> tuple[str, ...]:
    megabytes = speeds.RESTORE_BYTES_PER_SECOND // 1_000_000
    files = f"{speeds.RESTORE_FILES_PER_SECOND:,} files"
    documented = f"{files} or {megabytes} MB per second for restores, whichever is slower"
    start = f"start in {speeds.WORKER_START_SECONDS} seconds"
    worker = f"{start} and to place {PLACED_PER_SECOND:,} entries per second"
    found = [
        f"AWS documents {documented}.",
        f"Jobs run one after another. Each is assumed to need {JOB_OVERHEAD_SECONDS} more seconds.",
        f"The worker is assumed to {worker}.",
    ]
    fewer = sum(1 if job.is_whole else _ceil(job.paths, DOCUMENTED_PATHS) for job in jobs)
    if fewer > len(jobs):
        charge = prices.usd("restore_items") * (fewer - sum(job.is_whole for job in jobs))
        found.append(
            f"AWS's documents disagree on the number of paths of a job. If AWS Backup takes "
            f"{DOCUMENTED_PATHS}, this plan needs {fewer:,} jobs, for ${charge:,.2f}; --items-per-job "
            f"{DOCUMENTED_PATHS} plans for that."
        )
    if any(job.is_cold for job in jobs):
        found.append("Restores from cold storage take longer. AWS does not document how long.")
    if not is_counted:
        found.append(
            "Directories that an index excludes or could not read are restored with the directories above "
            "them, but not counted."
        )
    found += origin({region: _USED})
    return tuple(found)


def _ceil(amount: int, per: int) -> int:
    return -(-amount // per)
