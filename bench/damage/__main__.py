"""Measure the damage alarm on seeded histories: `python -m bench.damage`.

Each history is a simulated file system with 20 to 50 ordinary nights and then one event: an attack, or a
large innocent change. With --keep, writes the tables into docs/damage.md.
"""

from __future__ import annotations

import argparse
import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from bench.damage.attacks import ATTACKS
from bench.damage.innocent import EVENTS
from bench.damage.runs import Outcome, run
from tidemark.damage.settings import DamageSettings

PAGE = Path("docs/damage.md")
# Rules and thresholds were chosen with seeds below this one; the published figures come from it and above.
PUBLISHED = 1_000_000
_TABLES = re.compile(r"(?<=<!-- bench.damage -->\n).*?(?=<!-- end -->)", re.DOTALL)


def main() -> None:
    """Run the histories, print the tables, and save them with --keep."""
    arguments = argparse.ArgumentParser(prog="python -m bench.damage", description=__doc__.splitlines()[0])
    arguments.add_argument("--seeds", type=int, default=12, help="histories of each kind")
    arguments.add_argument("--first", type=int, default=PUBLISHED, help="the first seed; below: for tuning")
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--keep", action="store_true", help=f"write the tables into {PAGE}")
    given = arguments.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    text = tables(histories(seeds, processes=given.processes), seeds)
    print(text)
    if given.keep:
        PAGE.write_text(_TABLES.sub(lambda _: text, PAGE.read_text()))


def histories(seeds: Sequence[int], *, processes: int) -> list[Outcome]:
    """Run all kinds of histories with these seeds and the default thresholds."""
    jobs = [(kind, seed) for kind in (*ATTACKS, *EVENTS) for seed in seeds]
    kinds, numbers = zip(*jobs, strict=True)
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(partial(run, settings=DamageSettings()), kinds, numbers))


def tables(outcomes: Iterable[Outcome], seeds: Sequence[int]) -> str:
    """Return the tables in Markdown."""
    by_kind = defaultdict[str, list[Outcome]](list)
    for outcome in outcomes:
        by_kind[outcome.kind].append(outcome)
    attacks = [each for kind in ATTACKS for each in by_kind[kind]]
    innocent = [each for kind in EVENTS for each in by_kind[kind]]
    detected = sum(each.nights_until_alarm is not None for each in attacks)
    wrong = sum(each.nights_until_alarm is not None for each in innocent)
    nights = sum(each.ordinary_nights for each in (*attacks, *innocent))
    false = sum(each.false_nights for each in (*attacks, *innocent))
    scale = f"{len(attacks)} attacks and {len(innocent)} innocent events"
    precision = _precision(detected, len(attacks), wrong, len(innocent))
    lines = [
        f"{scale}, with the default thresholds and the seeds {seeds[0]} to {seeds[-1]}:",
        "",
        "| | |",
        "|---|---|",
        f"| recall: attacks detected | {_share(detected, len(attacks))} |",
        f"| precision, if attacks and these innocent events were equally frequent | {precision} |",
        f"| innocent events with an alarm | {_share(wrong, len(innocent))} |",
        f"| ordinary nights with an alarm | {_share(false, nights)} |",
        "",
        "| attack | detected | median night of the alarm |",
        "|---|---|---|",
    ]
    for kind in ATTACKS:
        after = [each.nights_until_alarm for each in by_kind[kind] if each.nights_until_alarm is not None]
        night = f"{statistics.median_low(after)}" if after else ""
        lines.append(f"| {kind} | {len(after)} of {len(by_kind[kind])} | {night} |")
    lines += ["", "| innocent event | alarms | rules |", "|---|---|---|"]
    for kind in EVENTS:
        alarms = [each for each in by_kind[kind] if each.nights_until_alarm is not None]
        rules = ", ".join(f"`{name}`" for name in sorted({name for each in alarms for name in each.rules}))
        lines.append(f"| {kind} | {len(alarms)} of {len(by_kind[kind])} | {rules} |")
    return "\n".join([*lines, ""])


def _share(number: int, of: int) -> str:
    return f"{number} of {of} ({number / of:.1%})" if of else "none"


def _precision(detected: int, attacks: int, wrong: int, innocent: int) -> str:
    recall, error = detected / max(attacks, 1), wrong / max(innocent, 1)
    return f"{recall / (recall + error):.0%}" if detected else "none"


if __name__ == "__main__":
    main()
