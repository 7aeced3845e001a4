"""tidemark policy export"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tidemark.answers.connection import connect
from tidemark.cli.output import terminal
from tidemark.policy.export import configuration
from tidemark.policy.yaml_text import yaml_text

HELP = """Print deployed policies as a tidemark.yaml.

A deployment of the result has the same policies: file systems, schedules, retention, copies, index, worker
and drills. "restore_testing", "repository", "notifications" and other keys of the deployment are not part of
the policies, so the result does not contain them. Without POLICY, exports all policies.

JSON: the same keys as tidemark.yaml, which may also be written in JSON.
"""


def export(
    policies: Annotated[
        list[str] | None, typer.Argument(metavar="[POLICY]...", help="Names of policies. Default: all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    connection = connect()
    found = (
        [connection.stored_policy(name) for name in dict.fromkeys(policies)]
        if policies
        else connection.stored_policies()
    )
    resources = connection.resources
    keys = configuration(
        connection.deployment,
        resources.region,
        resources.vaults,
        found,
        account=resources.account,
        sites=connection.sites,
    )
    if as_json:
        terminal.print_json(keys)
    else:
        sys.stdout.write(yaml_text(keys))
