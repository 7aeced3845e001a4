"""tidemark damage show"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from tidemark.answers.indexes import deployment_or
from tidemark.cli.output import terminal
from tidemark.cli.support.index_selection import Repository, skipping_unreadable
from tidemark.damage.verdict import Finding, Status, Verdict
from tidemark.damage.words import sentence
from tidemark.errors import DamageSuspected
from tidemark.policy.policy import id_of

if TYPE_CHECKING:
    from tidemark.answers.damage import JudgedIndex, OpenAlarm
    from tidemark.sessions.damage_alarms import DamageAlarm

HELP = f"""Show whether the changes of a file system look like damage.

Prints the verdict on each index, newest first: normal, suspicious, or unknown with the reason. For suspicious
changes, names the directories, the last good index, and the command that restores it. Reads a few kilobytes
of each index. docs/damage.md describes the rules.

Exits with code {DamageSuspected.exit_code} if suspicious changes are not accepted; accept them with:
damage release.

JSON: file_system; alarm (null, or first_index_id, newest_index_id, last_good_index_id, restore (a command or
null), holds (whether copies are held), held[] (ARNs of points whose deletion is postponed), problems[] (why
others are not)); indexes[], newest first, each with index_id, crawl_started_at, status (normal, suspicious or
unknown), reason (of unknown), last_good_index_id, and findings[] and growth[] with rule, directory, amount
and of (files or bytes), usual (the most in earlier comparisons), indexes (over which the amount accumulated),
example, sentence.
"""
_STYLES = {Status.NORMAL: terminal.GOOD, Status.UNKNOWN: terminal.QUIET, Status.SUSPICIOUS: terminal.BAD}


def show(
    file_system: Annotated[str, typer.Argument(metavar="FS", help="The id of the file system.")],
    repository: Repository = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    from tidemark.answers.damage import judged_indexes, open_alarm, recorded_alarm

    named, file_system = file_system, id_of(file_system)
    store, connection = deployment_or(repository)
    recorded = None if connection is None else recorded_alarm(connection, named)
    with skipping_unreadable() as skip_index:
        judged = judged_indexes(store, file_system, skip_index)
        alarm = open_alarm(judged, "" if recorded is None else recorded.accepted_until)
        if as_json:
            terminal.print_json(_document(file_system, judged, alarm, recorded))
        else:
            _print(terminal.console(), judged, alarm, recorded)
    if alarm is not None:
        newest = alarm.newest.manifest
        raise DamageSuspected(
            f"{file_system} has suspicious changes since index {alarm.first.manifest.index_id}; look at them "
            f"with: tidemark diff {newest.previous_index_id} {newest.index_id}; "
            f"if they are intended: tidemark damage release {file_system}"
        )


def _print(
    out: Console, judged: list[JudgedIndex], alarm: OpenAlarm | None, recorded: DamageAlarm | None
) -> None:
    from tidemark.answers.damage import restore_command

    for each in reversed(judged):
        verdict = each.verdict
        heading = Text.assemble(
            f"{terminal.moment(each.manifest.crawl_started_at)}  ",
            (f"{verdict.status.value:<10}", _STYLES[verdict.status]),
            f"  {terminal.printable(each.manifest.index_id)}",
        )
        out.print(heading, soft_wrap=True)
        for line in (*filter(None, [verdict.reason]), *map(sentence, (*verdict.findings, *verdict.growth))):
            out.print(Text(f"    {terminal.printable(line)}", terminal.QUIET), soft_wrap=True)
    if alarm is None:
        return
    good = alarm.last_good
    facts = {
        "last good index": "none that still exists"
        if good is None
        else f"{good.index_id}, crawled {terminal.moment(good.crawl_started_at)} UTC",
        "restore it with": restore_command(alarm),
    }
    if recorded is not None and recorded.is_open:
        facts["copies"] = "held until you release the alarm" if recorded.holds else "not held"
    out.print()
    terminal.print_facts(out, facts)
    if recorded is not None and recorded.is_open:
        for line in _points(recorded):
            out.print(Text(terminal.printable(line)), soft_wrap=True)


def _points(alarm: DamageAlarm) -> Iterator[str]:
    """Return a line for each point that is held, and for each problem."""
    for point in alarm.held:
        yield f"held for {terminal.kept(point.held_days)}: {point.recovery_point_arn}"
    for problem in alarm.problems:
        yield f"not held: {problem}"


def _document(
    file_system: str, judged: list[JudgedIndex], alarm: OpenAlarm | None, recorded: DamageAlarm | None
) -> dict[str, Any]:
    from tidemark.answers.damage import restore_command

    return {
        "file_system": file_system,
        "alarm": alarm
        and {
            "first_index_id": alarm.first.manifest.index_id,
            "newest_index_id": alarm.newest.manifest.index_id,
            "last_good_index_id": alarm.last_good.index_id if alarm.last_good else None,
            "restore": restore_command(alarm),
            "holds": recorded is not None and recorded.is_open and recorded.holds,
            "held": [each.recovery_point_arn for each in recorded.held] if recorded else [],
            "problems": list(recorded.problems) if recorded else [],
        },
        "indexes": [
            {
                "index_id": each.manifest.index_id,
                "crawl_started_at": terminal.json_time(each.manifest.crawl_started_at),
                **verdict_json(each.verdict),
            }
            for each in reversed(judged)
        ],
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict for --json: its fields, with a sentence for each finding."""

    def lines(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
        return [{**each.to_json(), "sentence": sentence(each)} for each in findings]

    return {
        "status": verdict.status.value,
        "reason": verdict.reason,
        "last_good_index_id": verdict.last_good_index_id,
        "findings": lines(verdict.findings),
        "growth": lines(verdict.growth),
    }
