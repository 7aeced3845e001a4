"""tidemark policy list"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from tidemark.answers.connection import connect
from tidemark.answers.policies import PolicyFacts, State, facts_of
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.output.policy_output import POLICY_FIELDS, outcome_text, pause_text, policy_json
from tidemark.cli.support.session_progress import STATUS_STYLES

HELP = f"""List the deployed policies.

Shows whether the schedules of each policy start sessions, its next run with the flags D, W, M and Y, and how
its last run ended. Reads the sessions of the past year until the last run of each policy is found.

JSON: policies[] with {POLICY_FIELDS}.
"""
STATE_STYLES = {
    State.ACTIVE: terminal.GOOD,
    State.PAUSED: terminal.CAREFUL,
    State.MANUAL: terminal.QUIET,
    State.DISABLED: terminal.BAD,
    State.UNKNOWN: terminal.CAREFUL,
}


def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """See HELP."""
    connection = connect()
    found = facts_of(connection, connection.policies(), utc_now())
    if as_json:
        terminal.print_json({"policies": [policy_json(each) for each in found]})
        return
    out = terminal.console()
    width = max((len(each.policy.name) for each in found), default=0) + 1
    columns = f"{'next run (UTC)':<16}  flags    last run (UTC)"
    heading = f"{'policy':<{width}} {'state':<8} {'file systems':>12}  {columns}"
    out.print(Text(heading, terminal.QUIET))
    for each in found:
        out.print(_line(each, width))
    for each in found:
        if each.pause is not None:
            out.print(f"\n{each.policy.name} is {pause_text(each.pause)}. End the pause with:")
            out.print(terminal.commands((f"tidemark policy resume {each.policy.name}", "")))
        elif each.state is State.DISABLED:
            out.print(f"\nSchedules of {each.policy.name} are disabled or missing in EventBridge. See:")
            out.print(terminal.commands((f"tidemark policy show {each.policy.name}", "")))


def _line(each: PolicyFacts, width: int) -> Text:
    policy, state, following, last = each.policy, each.state, each.next_run, each.last_run
    at = "-" if following is None else terminal.minute(following.at)
    if following is None and policy.schedule is not None and policy.schedule.is_rate and not each.pause:
        at = policy.schedule.expression
    flags = "-" if following is None else " ".join(following.flags) or "-"
    line = Text.assemble(
        f"{policy.name:<{width}} ",
        (f"{state.value:<8}", STATE_STYLES[state]),
        f" {len(policy.file_systems):>12,}  {at:<16}  {flags:<7}  ",
    )
    if last is None:
        return line.append("-")
    return line.append(f"{terminal.minute(last.at)}  ").append(
        outcome_text(last), style=STATUS_STYLES[last.status]
    )
