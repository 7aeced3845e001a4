"""tidemark estimate"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from tidemark.answers.connection import connect
from tidemark.answers.cost_facts import DAILY_PERCENT, file_system_uses, network_use
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.support.index_selection import skipping_unreadable
from tidemark.costs.part import Part
from tidemark.costs.policy_estimate import MONTHS, PolicyEstimate, Window
from tidemark.costs.policy_estimate import estimate as estimate_policy
from tidemark.costs.prices import DATED, DEFAULT_REGION

MOST_MONTHS = 120

HELP = f"""Estimate what a policy costs in a month, by parts, and how long its backups take.

Sizes, changes and crawls are measured: from the indexes of the file systems, by comparing as many as have
recorded their changes. For a file system without indexes, its size comes from EFS, and {DAILY_PERCENT:g}% of
its bytes are assumed to change each day. The storage is that of the steady state, in which as much expires as
is added; the first year differs. What several policies share (keys, dashboard, the network of the workers) is
listed separately. Prices are list prices in US$, without taxes, discounts and free tiers. For Regions whose
prices are not recorded, those of {DEFAULT_REGION} are used; the assumptions at the end name them.

JSON: policy, monthly_usd, first_year_usd, shared_monthly_usd, steady_from_month (null if storage still grows
after ten years or is kept forever; monthly_usd is then that of the last of months[]), runs_per_month, parts[]
with name, region, usd (per month), shared (true or false), explanation; months[] with month, usd; windows[]
with file_system, first_backup_seconds, backup_seconds, restore_seconds; assumptions[]; prices_dated.
"""


def estimate(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Name of the policy in tidemark.yaml.")],
    months: Annotated[
        int, typer.Option("--months", metavar="N", min=1, max=MOST_MONTHS, help="List the first N months.")
    ] = MONTHS,
    daily_change: Annotated[
        float | None,
        typer.Option(
            "--daily-change",
            metavar="PERCENT",
            min=0,
            max=100,
            help="Bytes that change each day, instead of measuring them.",
        ),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the parts as CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json are mutually exclusive; omit one of them")
    connection = connect()
    whole = connection.policy(policy)
    deployed = whole.at_home
    if not deployed.file_systems:
        raise typer.BadParameter(f"{policy} has no file systems in the home site, which estimates cover")
    with skipping_unreadable() as skip_index:
        uses = list(
            file_system_uses(connection, deployed.file_systems, skip_index, daily_percent=daily_change)
        )
        network, unknown = network_use(connection, deployed)
        found = estimate_policy(
            deployed,
            uses,
            network,
            utc_now(),
            months=months,
            copy_regions=len(connection.resources.vaults) - 1,
        )
        assumptions = (*found.assumptions, *unknown)
        if left_out := len(whole.file_systems) - len(deployed.file_systems):
            assumptions += (f"without {left_out:,} file systems in other accounts and Regions",)
        if as_json:
            terminal.print_json(_document(found, assumptions, months))
        elif as_csv:
            _write_csv(found)
        else:
            _print(terminal.console(), found, assumptions, months)


def _document(found: PolicyEstimate, assumptions: Sequence[str], months: int) -> dict[str, Any]:
    return {
        "policy": found.policy,
        "monthly_usd": str(found.monthly_usd),
        "first_year_usd": str(found.first_year_usd),
        "shared_monthly_usd": str(found.shared_monthly_usd),
        "steady_from_month": found.steady_month if found.is_steady else None,
        "runs_per_month": round(found.runs_per_month, 2),
        "parts": [
            {
                "name": part.name,
                "region": part.region,
                "usd": str(part.usd),
                "shared": shared,
                "explanation": part.explanation,
            }
            for part, shared in _all_parts(found)
        ],
        "months": [
            {"month": number, "usd": str(usd)} for number, usd in enumerate(found.months[:months], start=1)
        ],
        "windows": [
            {
                "file_system": window.file_system_id,
                "first_backup_seconds": window.first_backup_seconds,
                "backup_seconds": window.backup_seconds,
                "restore_seconds": window.restore_seconds,
            }
            for window in found.windows
        ],
        "assumptions": list(assumptions),
        "prices_dated": DATED.isoformat(),
    }


def _all_parts(found: PolicyEstimate) -> Iterator[tuple[Part, bool]]:
    yield from ((part, False) for part in found.parts)
    yield from ((part, True) for part in found.shared)


def _write_csv(found: PolicyEstimate) -> None:
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["policy", "part", "region", "usd_per_month", "shared", "explanation"])
    for part, shared in _all_parts(found):
        rows.writerow([found.policy, part.name, part.region, part.usd, str(shared).lower(), part.explanation])


def _print(out: Console, found: PolicyEstimate, assumptions: Sequence[str], months: int) -> None:
    runs = f"{found.runs_per_month:,.1f} runs"
    systems = terminal.count(len(found.windows), "file system")
    out.print(Text(f"Policy {found.policy}: {runs} a month, {systems}", terminal.STRONG))
    out.print()
    _print_parts(out, found.parts)
    when = f"a month, from month {found.steady_month} on"
    if not found.is_steady:
        when = f"in month {found.steady_month}; storage still grows"
    out.print(Text.assemble((_dollars(found.monthly_usd), terminal.STRONG), f"  {when}"))
    out.print(Text.assemble((_dollars(found.first_year_usd), terminal.STRONG), "  in the first year"))
    if months != MONTHS:
        out.print()
        for number, usd in enumerate(found.months[:months], start=1):
            out.print(f"{_dollars(usd)}  month {number}")
    out.print()
    out.print(Text("Shared by all policies, in a month", terminal.STRONG))
    _print_parts(out, found.shared)
    out.print(Text.assemble((_dollars(found.shared_monthly_usd), terminal.STRONG), "  a month"))
    out.print()
    out.print(Text("Windows, at the speeds that AWS documents", terminal.STRONG))
    for window in found.windows:
        _print_window(out, window)
    out.print()
    out.print(Text("Assumptions", terminal.STRONG))
    for text in assumptions:
        out.print(f"  {terminal.printable(text)}")


def _print_parts(out: Console, parts: Sequence[Part]) -> None:
    width = max((len(part.name) for part in parts), default=0)
    for part in parts:
        line = Text(f"{_dollars(part.usd)}  {part.name:<{width}}  ")
        out.print(line.append(f"{part.explanation} ({part.region})", terminal.QUIET))


def _print_window(out: Console, window: Window) -> None:
    first, later, restore = (
        terminal.duration(timedelta(seconds=seconds))
        for seconds in (window.first_backup_seconds, window.backup_seconds, window.restore_seconds)
    )
    out.print(f"  {window.file_system_id}  first backup {first}, later ones {later}, whole restore {restore}")


def _dollars(usd: Decimal) -> str:
    return f"{usd:>10,.2f}"
