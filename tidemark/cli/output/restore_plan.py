"""A restore plan as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal

from rich.console import Console
from rich.text import Text

from tidemark.cli.output import terminal
from tidemark.restore.plan import NewFileSystem, Plan, PointPlan

_SHOWN = 10  # items, missing paths and conflicts
_CENT = Decimal("0.01")


def show_plan(out: Console, plan: Plan) -> None:
    """Print the plan: points, items, what is missing, conflicts, time and cost."""
    strata = {each.path: each.stratum for each in plan.drill}
    for number, point in enumerate(plan.points):
        if number:
            out.print()
        _show_point(out, point, strata)
    if plan.missing:
        out.print()
        found = terminal.count(len(plan.missing), "path")
        out.print(Text(f"{found} cannot be restored:", terminal.CAREFUL))
        _show_some(out, [f"{each.path}  ({each.reason})" for each in plan.missing])
    if plan.points:
        out.print()
        terminal.print_facts(out, dict(_facts(plan)))
        for part in plan.estimate.parts:
            out.print(Text(f"  ${part.usd:,.4f}  {part.name}: {part.explanation}", terminal.QUIET))
        for assumption in plan.estimate.assumptions:
            out.print(Text(f"  {assumption}", terminal.QUIET), soft_wrap=True)
        if plan.conflict_count:
            _show_conflicts(out, plan)


def _show_point(out: Console, point: PointPlan, strata: Mapping[str, str]) -> None:
    when = f"{terminal.moment(point.created_at)} UTC"
    where = f"vault {point.vault} in {point.region}{', cold storage' if point.is_cold else ''}"
    out.print(Text.assemble(("from the recovery point of ", ""), (when, terminal.STRONG), f", {where}"))
    out.print(Text(f"  {point.recovery_point_arn}", terminal.QUIET), soft_wrap=True)
    for item in point.items[:_SHOWN]:
        below = f"{terminal.count(item.entries, 'entry', 'entries')}, " if item.type == "d" else ""
        note = f"  ({terminal.printable(item.note)})" if item.note else ""
        why = f", {strata[item.path]}" if item.path in strata else ""
        text = f"  {terminal.printable(item.path)}  "
        out.print(
            Text.assemble(
                text, (f"{below}{terminal.size(item.bytes)}{why}", terminal.QUIET), (note, terminal.CAREFUL)
            ),
            soft_wrap=True,
        )
    _print_rest(out, len(point.items))
    wanted = sum(item.entries for item in point.items)
    if point.requested_entries > wanted:
        more = terminal.count(point.requested_entries, "entry", "entries")
        more += f", {terminal.size(point.requested_bytes)}"
        out.print(
            Text(
                f"  AWS Backup restores {more}: these items cannot be requested one by one. Everything else "
                "is removed again.",
                terminal.CAREFUL,
            )
        )


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    estimate = plan.estimate
    entries = sum(item.entries for point in plan.points for item in point.items)
    size = sum(item.bytes for point in plan.points for item in point.items)
    yield "restores", f"{terminal.count(entries, 'entry', 'entries')}, {terminal.size(size)}"
    yield "to", _target(plan)
    if plan.new_file_system is None:
        yield "if a target exists", _CONFLICTS[plan.on_conflict]
    elif not plan.drill:
        yield from _settings(plan.new_file_system)
    yield "restore jobs", f"{estimate.jobs:,}, one after the other"
    yield "time", f"about {terminal.duration(timedelta(seconds=estimate.seconds))}"
    yield (
        "cost",
        f"about ${estimate.usd:,.2f}" if estimate.usd >= _CENT or not estimate.usd else "less than $0.01",
    )


_CONFLICTS = {
    "fail": "leave both, and report it (--on-conflict skip, rename or replace changes this)",
    "skip": "keep it, and discard the restored one",
    "rename": "keep it, and place the restored one next to it under a new name",
    "replace": "replace it",
}


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
    yield "tags", terminal.printable(tags) or "none"
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
        return f"{terminal.printable(plan.destination.directory)} of {system}, with their paths below it"
    return f"their places in {system}"


def _show_conflicts(out: Console, plan: Plan) -> None:
    exist = "targets existed" if plan.conflict_count != 1 else "target existed"
    out.print()
    out.print(
        Text(f"{plan.conflict_count:,} {exist} when the file system was last indexed:", terminal.CAREFUL)
    )
    above = plan.destination.directory.rstrip("/")
    types = {
        f"{above}{item.path}".rstrip("/") or "/": item.type for point in plan.points for item in point.items
    }
    notes = {
        ("d", "d"): "  (a directory, merged: what exists in it is not counted)",
        (None, "f"): "  (a file, and items are to be below it)",
        (None, "l"): "  (a symbolic link, which is not followed, and items are to be below it)",
    }
    lines = [each.path + notes.get((types.get(each.path), each.existing_type), "") for each in plan.conflicts]
    _show_some(out, lines, plan.conflict_count)


def _show_some(out: Console, lines: list[str], number: int | None = None) -> None:
    for line in lines[:_SHOWN]:
        out.print(f"  {terminal.printable(line)}", soft_wrap=True)
    _print_rest(out, len(lines) if number is None else number)


def _print_rest(out: Console, number: int) -> None:
    if number > _SHOWN:
        out.print(Text(f"  and {number - _SHOWN:,} more", terminal.QUIET))
