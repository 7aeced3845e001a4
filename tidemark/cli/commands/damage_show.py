"""tidemark damage show"""

from __future__ import annotations

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

HELP = f"""Show whether the changes of a file system look like damage.

Prints the verdict on each index, newest first: normal, suspicious, or unknown with the reason. For suspicious
changes, names the directories, the last good index, and the command that restores it. Reads a few kilobytes
of each index. docs/damage.md describes the rules.

Exits with code {DamageSuspected.exit_code} if suspicious changes are not accepted.

JSON: file_system; alarm (null, or first_index_id, newest_index_id, last_good_index_id, restore (a command or
null)); indexes[], newest first, each with index_id, crawl_started_at, status (normal, suspicious or unknown),
reason (of unknown), last_good_index_id, and findings[] and growth[] with rule, directory, amount and of
(files or bytes), usual (the most in earlier comparisons), indexes (over which the amount accumulated),
example, sentence.
"""
_STYLES = {Status.NORMAL: terminal.GOOD, Status.UNKNOWN: terminal.QUIET, Status.SUSPICIOUS: terminal.BAD}


def show(
    file_system: Annotated[str, typer.Argument(metavar="FS", help="The id of the file system.")],
    repository: Repository = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    from tidemark.answers.damage import judged_indexes, open_alarm

    file_system = id_of(file_system)
    store, _ = deployment_or(repository)
    with skipping_unreadable() as skip_index:
        judged = judged_indexes(store, file_system, skip_index)
        alarm = open_alarm(judged)
        if as_json:
            terminal.print_json(_document(file_system, judged, alarm))
        else:
            _print(terminal.console(), judged, alarm)
    if alarm is not None:
        raise DamageSuspected(
            f"{file_system} has suspicious changes since index {alarm.first.manifest.index_id}; look at them "
            f"with: tidemark diff {alarm.newest.manifest.previous_index_id} {alarm.newest.manifest.index_id}"
        )


def _print(out: Console, judged: list[JudgedIndex], alarm: OpenAlarm | None) -> None:
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
    out.print()
    terminal.print_facts(out, facts)


def _document(file_system: str, judged: list[JudgedIndex], alarm: OpenAlarm | None) -> dict[str, Any]:
    from tidemark.answers.damage import restore_command

    return {
        "file_system": file_system,
        "alarm": alarm
        and {
            "first_index_id": alarm.first.manifest.index_id,
            "newest_index_id": alarm.newest.manifest.index_id,
            "last_good_index_id": alarm.last_good.index_id if alarm.last_good else None,
            "restore": restore_command(alarm),
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
