"""tidemark policy pause"""

from __future__ import annotations

from typing import Annotated

import typer

from tidemark.answers.conditions import later_of
from tidemark.answers.connection import connect
from tidemark.answers.policies import pause_policy
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.output.policy_output import pause_json
from tidemark.policy.pause import LONGEST_REASON

HELP = """Pause the schedules of a policy: scheduled runs start no sessions.

Runs that are in progress continue, and "tidemark run" still starts the policy. Recovery points expire as
before: a long pause can leave a file system without any. A pause survives deployments. Its record, with your
identity, is the SSM parameter "pause" below the policy; "tidemark policy list" and "tidemark protection" show
it. Drills and restore tests of the policy are not paused.

JSON: policy, since, by (your ARN), reason, until (null: until "tidemark policy resume").
"""


def pause(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Name of the policy in tidemark.yaml.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for others to read.")] = "",
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="End of the pause: 2026-12-24T06:00 (UTC), or a span such as 12h or 3d.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    now = utc_now().replace(microsecond=0)
    if len(reason) > LONGEST_REASON:
        raise typer.BadParameter(
            f"it has {len(reason)} characters; the limit is {LONGEST_REASON}", param_hint="--reason"
        )
    end = None if until is None else later_of(until, now, "--until")
    connection = connect()
    made = pause_policy(connection, policy, now, reason=reason, until=end)
    if as_json:
        terminal.print_json({"policy": policy, **pause_json(made)})
        return
    out = terminal.console()
    until_text = "" if made.until is None else f" until {terminal.minute(made.until)} UTC"
    out.print(f"Policy {policy} is paused{until_text}: its schedules start no sessions. End the pause with:")
    out.print(terminal.commands((f"tidemark policy resume {policy}", "")))
