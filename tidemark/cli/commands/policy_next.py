"""tidemark policy next"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date
from itertools import islice
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from tidemark.answers.connection import connect
from tidemark.answers.policies import zone_of
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.output.terminal import json_time
from tidemark.policy.upcoming import UpcomingRun, expiry, next_runs

MOST = 1000

HELP = """Show the next runs of a policy, and when their points are deleted.

Computes the runs from the deployed policy. Schedules that fall on the same minute are one run, which has the
flags of all of them: D (daily), W (weekly), M (monthly), Y (yearly). AWS Backup keeps its point, and each
copy, for the longest time that the policy has for one of the flags. Changes of the clock are included.

JSON: policy, time_zone, runs[] with at, local_time, flags[], delete_after (a date in UTC, null for
never), cold_after (the date of the move to cold storage, or null), copies[] with region, vault, delete_after,
cold_after.
"""


def next_(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Name of the policy in tidemark.yaml.")],
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, max=MOST, help="Number of runs.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    deployed = connect().policy(policy)
    zone = zone_of(deployed)
    found = list(islice(next_runs(deployed, utc_now()), count))
    if as_json:
        runs = [_json(run, zone) for run in found]
        terminal.print_json({"policy": deployed.name, "time_zone": zone.key, "runs": runs})
    elif found:
        _print(found, zone)
    else:
        err = terminal.console(stderr=True)
        err.print(f"Policy {deployed.name} has no run in the future. Start it with:")
        err.print(terminal.commands((f"tidemark run {deployed.name}", "")))


def _json(run: UpcomingRun, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "at": json_time(run.at),
        "local_time": run.at.astimezone(zone).isoformat(),
        "flags": list(run.flags),
        **_dates(run, run.policy.keep_days, run.policy.cold_after_days),
        "copies": [
            {
                "region": copy.region,
                "vault": copy.vault,
                **_dates(run, copy.keep_days, copy.cold_after_days),
            }
            for copy in run.policy.copies
        ],
    }


def _dates(run: UpcomingRun, keep_days: int | None, cold_after_days: int | None) -> dict[str, str | None]:
    deleted, cold = expiry(run.at, keep_days), expiry(run.at, cold_after_days)
    return {
        "delete_after": deleted.isoformat() if deleted else None,
        "cold_after": cold.isoformat() if cold else None,
    }


def _print(runs: Sequence[UpcomingRun], zone: ZoneInfo) -> None:
    out = terminal.console()
    out.print(Text(f"{'time in ' + zone.key:<25}  {'UTC':<16}  {'flags':<7}  deleted after", terminal.QUIET))
    for run in runs:
        local = run.at.astimezone(zone)
        parts = [_kept(run, run.policy.keep_days, run.policy.cold_after_days)]
        parts += [
            f"{copy.region} {_kept(run, copy.keep_days, copy.cold_after_days)}" for copy in run.policy.copies
        ]
        flags = " ".join(run.flags) or "-"
        utc = f"{run.at.astimezone(UTC):%Y-%m-%d %H:%M}"
        out.print(f"{local:%a %Y-%m-%d %H:%M} {local:%z}  {utc}  {flags:<7}  {', '.join(parts)}")


def _kept(run: UpcomingRun, keep_days: int | None, cold_after_days: int | None) -> str:
    text = _day(expiry(run.at, keep_days))
    return text if cold_after_days is None else f"{text} (cold from {_day(expiry(run.at, cold_after_days))})"


def _day(day: date | None) -> str:
    return "never" if day is None else day.isoformat()
