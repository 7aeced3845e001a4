"""tidemark check"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from tidemark.answers.checks.result import CheckResult, Status
from tidemark.answers.checks.runner import run_checks, scope_of
from tidemark.answers.connection import connect
from tidemark.cli.output import terminal
from tidemark.cli.output.encoding import sign
from tidemark.errors import CheckFailed

HELP = f"""Check that sessions can run, without starting anything.

Checks what a session needs: AWS Backup's opt-in, vaults, their keys and locks, the file systems, their mount
targets and policies, security groups in both directions, DNS, routes and endpoints, quotas, the repository,
its key and that of the tags, and the permissions of every role of the deployment, whose calls IAM simulates.
Without an argument, checks all policies. Uses your own credentials: what they may not read is a warning that
names the missing permission, never a pass. Each failure and warning has the next step.

Exits with code {CheckFailed.exit_code} if a check fails, and with 0 if there are only warnings.

\b
  tidemark check nightly && tidemark run nightly --wait

JSON: checks[] with name, subject, status (pass, warn or fail), message, fix (empty for a pass); passed,
warned, failed (numbers).
"""
_SIGNS = {Status.PASSED: ("✓", "+"), Status.WARNED: ("!", "!"), Status.FAILED: ("✗", "x")}
_STYLES = {Status.PASSED: terminal.GOOD, Status.WARNED: terminal.CAREFUL, Status.FAILED: terminal.BAD}


def check(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[POLICY|FS]",
            help="A policy, or the id of a file system. Default: all policies.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    results = run_checks(scope_of(connect(), target))
    if as_json:
        found = list(results)
        terminal.print_json(_document(found))
    else:
        found = show(terminal.console(), results)
    failed = sum(result.status is Status.FAILED for result in found)
    if failed:
        raise CheckFailed(failed, len(found))


def show(out: Console, results: Iterable[CheckResult]) -> list[CheckResult]:
    """Print results as they arrive, with a summary at the end, and return them.

    Consecutive passes of one check are one line.
    """
    found: list[CheckResult] = []
    passed: list[CheckResult] = []

    def print_passed() -> None:
        if passed:
            first, more = passed[0], len(passed) - 1
            subject = f"{first.subject} and {more} more" if more else first.subject
            _print_line(out, Status.PASSED, first.name, subject, first.message if not more else "pass")
            passed.clear()

    for result in results:
        found.append(result)
        if passed and (result.status is not Status.PASSED or result.name != passed[0].name):
            print_passed()
        if result.status is Status.PASSED:
            passed.append(result)
            continue
        _print_line(out, result.status, result.name, result.subject, result.message)
        out.print(Text(f"    {terminal.printable(result.fix)}", terminal.QUIET))
    print_passed()
    counts = Counter(result.status for result in found)
    words = (
        f"{counts[status]:,} {word}"
        for status, word in zip(Status, ("passed", "warned", "failed"), strict=True)
    )
    out.print(", ".join(words))
    return found


def _print_line(out: Console, status: Status, name: str, subject: str, message: str) -> None:
    text = f"{name:<18}  {terminal.printable(subject)}: {terminal.printable(message)}"
    out.print(Text.assemble((f"{sign(*_SIGNS[status])} ", _STYLES[status]), text))


def _document(found: list[CheckResult]) -> dict[str, Any]:
    counts = Counter(result.status for result in found)
    return {
        "checks": [
            {
                "name": result.name,
                "subject": result.subject,
                "status": result.status.value,
                "message": result.message,
                "fix": result.fix,
            }
            for result in found
        ],
        "passed": counts[Status.PASSED],
        "warned": counts[Status.WARNED],
        "failed": counts[Status.FAILED],
    }
