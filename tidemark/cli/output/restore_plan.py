"""A restore plan as text for people."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from tidemark.answers.restore_facts import IF_EXISTS, plan_facts
from tidemark.cli.output import terminal
from tidemark.restore.plan import Plan, PointPlan

_SHOWN = 10  # items, missing paths and conflicts


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
        facts = dict(plan_facts(plan))
        if plan.on_conflict == "fail" and plan.new_file_system is None:
            facts[IF_EXISTS] += " (--on-conflict skip, rename or replace changes this)"
        terminal.print_facts(out, facts)
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
