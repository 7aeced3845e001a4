"""tidemark policy show"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from tidemark.answers.connection import connect
from tidemark.answers.policies import PolicyFacts, facts_of, zone_of
from tidemark.aws.clock import utc_now
from tidemark.aws.scopes import Resolved
from tidemark.cli.commands.policy_list import STATE_STYLES
from tidemark.cli.output import terminal
from tidemark.cli.output.policy_output import (
    POLICY_FIELDS,
    outcome_text,
    pause_text,
    policy_json,
    retention_of,
    retention_text,
)
from tidemark.cli.support.session_progress import STATUS_STYLES
from tidemark.policy.cron_schedules import schedules_of
from tidemark.policy.kinds import runs_by_kind
from tidemark.policy.policy import Policy, WorkerSettings
from tidemark.sessions.scopes import RecordedScope, read_scope
from tidemark.sessions.session import SessionStatus

MOST_NAMED = 10  # file systems in one line

HELP = f"""Show a policy: file systems, schedules, retention, copies, next and last run.

JSON: policy with {POLICY_FIELDS};
schedules[] of EventBridge Scheduler with name, expression, time_zone, state (ENABLED, DISABLED, MISSING, or
null if not visible); exclude[], operations_per_second; sessions[] of the last run with session_id,
file_system, status, reasons[]; selection (null, or of a policy that selects file systems: excluded[],
left_to[] with file_system and policy, unlisted[] with place and why, last_run_at, appeared[] and vanished[]
in the last run).
"""


def show(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Name of the policy in tidemark.yaml.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    connection = connect()
    stored = connection.policy(policy)
    (facts,) = facts_of(connection, [stored], utc_now())
    schedules = _schedules(facts, connection.deployment)
    selected = None if stored.selection is None else connection.scope_of(stored)
    last = None if stored.selection is None else read_scope(connection.records, policy)
    if as_json:
        selection = None if selected is None else _selection_json(selected, last)
        terminal.print_json(
            {"policy": {**policy_json(facts), **_details(facts, schedules), "selection": selection}}
        )
    else:
        _print(facts, schedules, [] if selected is None else list(_selection_lines(selected, last)))


def _schedules(facts: PolicyFacts, deployment: str) -> list[dict[str, Any]]:
    """Return the schedules that the policy requires, with their state in EventBridge Scheduler."""
    found = []
    for number, each in enumerate(schedules_of(facts.policy), 1):
        name = f"{deployment}-policy-{facts.policy.name}" + (f".{number}" if number > 1 else "")
        found.append(
            {
                "name": name,
                "expression": each.schedule.expression,
                "time_zone": each.schedule.time_zone,
                "state": None if facts.schedules is None else facts.schedules.get(name, "MISSING"),
            }
        )
    return found


def _details(facts: PolicyFacts, schedules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schedules": schedules,
        "exclude": list(facts.policy.crawl.exclude),
        "operations_per_second": facts.policy.crawl.operations_per_second,
        "sessions": [
            {
                "session_id": session.session_id,
                "file_system": session.file_system.file_system_id,
                "status": session.status.value,
                "reasons": list(session.reasons),
            }
            for session in (facts.last_run.sessions if facts.last_run else ())
        ],
    }


def _selection_json(selected: Resolved, last: RecordedScope | None) -> dict[str, Any]:
    return {
        "excluded": list(selected.scope.excluded),
        "left_to": [{"file_system": name, "policy": other} for name, other in selected.scope.left_to],
        "unlisted": [{"place": place, "why": why} for place, why in selected.unlisted.items()],
        "last_run_at": terminal.json_time(last.resolved_at) if last is not None else None,
        "appeared": list(last.appeared) if last is not None else [],
        "vanished": list(last.vanished) if last is not None else [],
    }


def _selection_lines(selected: Resolved, last: RecordedScope | None) -> Iterator[tuple[str, str]]:
    scope = selected.scope
    if scope.excluded:
        yield "excluded", _some(scope.excluded)
    if scope.left_to:
        yield "left to others", _some([f"{name} ({other})" for name, other in scope.left_to])
    for place, why in selected.unlisted.items():
        yield "not listed", f"{place.rstrip('/') or 'the home Region'}: {why}"
    if last is not None and last.appeared:
        yield "new in last run", _some(last.appeared)
    if last is not None and last.vanished:
        yield "gone in last run", _some(last.vanished)


def _print(facts: PolicyFacts, schedules: list[dict[str, Any]], selection: list[tuple[str, str]]) -> None:
    policy, out = facts.policy, terminal.console()
    out.print(
        Text.assemble((policy.name, terminal.STRONG), "  ", (facts.state.value, STATE_STYLES[facts.state]))
    )
    lines: list[tuple[str, str]] = [("file systems", _some(policy.file_systems) or "none"), *selection]
    lines += [("schedule", _schedule_text(each)) for each in schedules] or [("schedule", "none")]
    if facts.pause is not None:
        lines.append(("pause", pause_text(facts.pause)))
    lines += [("next run", _next(facts)), ("last run", _last(facts))]
    for kind, run in runs_by_kind(policy).items():
        kept = retention_text(retention_of(run))
        kept += "".join(f"; {copy.region} {retention_text(retention_of(copy))}" for copy in run.copies)
        lines.append((f"keep, {kind} run", kept))
    lines += [(f"copy in {copy.region}", f"vault {copy.vault}") for copy in policy.copies]
    lines += [("vault", policy.vault), ("index", _index(policy)), ("worker", _worker(policy.worker))]
    drill = policy.drill.schedule
    lines.append(("drill", f"{drill.expression} {drill.time_zone}" if drill else "only by hand"))
    width = max(len(name) for name, _ in lines)
    before = ""
    for name, value in lines:
        shown = "" if name == before else name
        out.print(Text.assemble((f"  {shown:<{width}}", terminal.QUIET), f"  {value}"))
        before = name
    for session in facts.last_run.sessions if facts.last_run else ():
        if session.status in (SessionStatus.SUCCESS, SessionStatus.RUNNING):
            continue
        style = STATUS_STYLES[session.status]
        reasons = "; ".join(session.reasons) or "no reason was recorded"
        out.print(Text.assemble((f"  {session.status.value}: ", style), terminal.printable(reasons)))
        out.print(Text(f"    tidemark session {session.session_id}", terminal.QUIET))


def _some(listed: Sequence[str]) -> str:
    names, more = listed[:MOST_NAMED], len(listed) - MOST_NAMED
    return ", ".join(names) + (f" and {more:,} more" if more > 0 else "")


def _schedule_text(schedule: dict[str, Any]) -> str:
    state = schedule["state"] or "its state in EventBridge Scheduler is not visible to you"
    return f"{schedule['expression']} {schedule['time_zone']}, {state}"


def _next(facts: PolicyFacts) -> str:
    policy, run = facts.policy, facts.next_run
    if run is not None:
        zone = zone_of(policy)
        flags = f" ({' '.join(run.flags)})" if run.flags else ""
        return f"{run.at.astimezone(zone):%a %Y-%m-%d %H:%M %z}{flags}"
    rate = policy.schedule is not None and policy.schedule.is_rate and facts.pause is None
    return "counts from the deployment" if rate else "none"


def _last(facts: PolicyFacts) -> str:
    if facts.last_run is None:
        return "none in the past year"
    return f"{terminal.minute(facts.last_run.at)} UTC, {outcome_text(facts.last_run)}"


def _index(policy: Policy) -> str:
    if not policy.index:
        return "none"
    limit = policy.crawl.operations_per_second
    parts = ["yes"]
    if policy.crawl.exclude:
        parts.append(f"without {', '.join(map(terminal.printable, policy.crawl.exclude))}")
    if limit is not None:
        parts.append(f"at most {limit:,} operations a second")
    return ", ".join(parts)


def _worker(worker: WorkerSettings) -> str:
    if worker.kind == "ec2":
        return f"ec2, {worker.instance_type or 'default instance type'}"
    return f"fargate, {worker.cpu_units / 1024:g} vCPU, {worker.memory_mib / 1024:g} GB"
