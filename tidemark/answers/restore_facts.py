"""What a restore plan does, in short texts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from tidemark.answers.text import count, duration, visible
from tidemark.answers.text import size as shown_size
from tidemark.restore.plan import NewFileSystem, Plan

_CENT = Decimal("0.01")
IF_EXISTS = "if a target exists"
_CONFLICTS = {
    "fail": "leave both, and report it",
    "skip": "keep it, and discard the restored one",
    "rename": "keep it, and place the restored one next to it under a new name",
    "replace": "replace it",
}


def plan_facts(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the names and values that describe a plan: what it restores, to where, the time and the cost."""
    estimate = plan.estimate
    entries = sum(item.entries for point in plan.points for item in point.items)
    size = sum(item.bytes for point in plan.points for item in point.items)
    yield "restores", f"{count(entries, 'entry', 'entries')}, {shown_size(size)}"
    yield "to", _target(plan)
    if plan.new_file_system is None:
        yield IF_EXISTS, _CONFLICTS[plan.on_conflict]
    elif not plan.drill:
        yield from _settings(plan.new_file_system)
    yield "restore jobs", f"{estimate.jobs:,}, one after the other"
    yield "time", f"about {duration(timedelta(seconds=estimate.seconds))}"
    yield (
        "cost",
        f"about ${estimate.usd:,.2f}" if estimate.usd >= _CENT or not estimate.usd else "less than $0.01",
    )


def _settings(new: NewFileSystem) -> Iterator[tuple[str, str]]:
    zone = f"One Zone in {new.availability_zone}" if new.availability_zone else "Regional"
    throughput = f"{new.throughput_mode} throughput"
    if new.provisioned_mibps:
        throughput += f" of {new.provisioned_mibps} MiB/s"
    yield "new file system", f"{zone}, {new.performance_mode}, {throughput}"
    yield "encrypted with", new.kms_key or "the key that AWS manages for EFS"
    yield (
        "mount targets",
        "; ".join(f"{one.subnet} with {', '.join(one.security_groups)}" for one in new.mount_targets),
    )
    tags = ", ".join(f"{tag.name}={tag.value}" for tag in new.tags)
    yield "tags", visible(tags) or "none"
    yield "lifecycle", ", ".join(f"{rule.name} {rule.value}" for rule in new.lifecycle) or "none"
    yield "policy", "that of the original, after the files are in place" if new.policy else "none"
    if new.notes:
        yield "differences", "; ".join(new.notes)


def _target(plan: Plan) -> str:
    system = f"{plan.file_system_id} in {plan.region}"
    if plan.drill:
        return "a temporary new file system, which is removed after the comparison"
    if plan.new_file_system is not None:
        return f"a new file system in {plan.region}, with the paths of {plan.file_system_id}"
    if plan.destination.kind == "directory":
        return f"{visible(plan.destination.directory)} of {system}, with their paths below it"
    return f"their places in {system}"
