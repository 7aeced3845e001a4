"""Questions before a command changes something."""

from __future__ import annotations

import sys

import typer


def check_can_ask(*, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Raise BadParameter if a command would have to ask without a terminal, or while it prints JSON."""
    if not (dry_run or yes) and (as_json or not sys.stdin.isatty()):
        raise typer.BadParameter(
            "it cannot ask here; confirm with --yes, or use --dry-run", param_hint="--yes"
        )
