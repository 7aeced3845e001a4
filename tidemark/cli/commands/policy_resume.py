"""tidemark policy resume"""

from __future__ import annotations

from typing import Annotated

import typer

from tidemark.answers.connection import connect
from tidemark.answers.policies import resume_policy
from tidemark.cli.output import terminal

HELP = """End the pause of a policy.

Runs that were skipped are not made up for: the next one is the next scheduled one. To back up now, run the
policy. Also removes the pause of a policy that is no longer deployed.

JSON: policy, was_paused.
"""


def resume(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Name of the policy in tidemark.yaml.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    was_paused = resume_policy(connect(), policy)
    if as_json:
        terminal.print_json({"policy": policy, "was_paused": was_paused})
        return
    out = terminal.console()
    if was_paused:
        out.print(f"Policy {policy} runs on schedule again. See its next runs, or back up now, with:")
        out.print(terminal.commands((f"tidemark policy next {policy}", ""), (f"tidemark run {policy}", "")))
    else:
        out.print(f"Policy {policy} was not paused.")
