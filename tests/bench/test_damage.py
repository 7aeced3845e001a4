"""The seeded histories of the damage alarm, and the tables that docs/damage.md shows."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from bench.damage.__main__ import PUBLISHED, tables
from bench.damage.attacks import ATTACKS
from bench.damage.file_system import FileSystem
from bench.damage.innocent import EVENTS
from bench.damage.office import Office
from bench.damage.runs import Outcome, run
from tidemark.damage.settings import DamageSettings

PAGE = (Path(__file__).parents[2] / "docs" / "damage.md").read_text()


def test_the_page_has_the_figures_of_every_kind_from_seeds_that_no_rule_was_chosen_with():
    for kind in (*ATTACKS, *EVENTS):
        assert f"| {kind} | " in PAGE, "measure again: python -m bench.damage --keep"
    first, last = re.findall(r"the seeds (\d+) to (\d+):", PAGE)[0]
    assert PUBLISHED <= int(first) < int(last)


@pytest.mark.parametrize(
    ("kind", "alarm"), [("new extension appended", True), ("chmod of all documents", False)]
)
def test_an_attack_is_detected_and_an_innocent_change_is_not(kind, alarm):
    outcome = run(kind, 1, DamageSettings())
    assert (outcome.nights_until_alarm == 1) == alarm
    assert outcome == run(kind, 1, DamageSettings())  # a seed always gives the same history


def test_the_totals_of_a_simulated_file_system_are_those_of_its_files():
    office = Office(random.Random(1))  # noqa: S311 - a simulation
    office.day()
    fs: FileSystem = office.fs
    for directory in ("/", "/home/", "/var/log/"):
        below = [file for path, file in fs.files.items() if path.startswith(directory)]
        assert fs.totals[directory] == [len(below), sum(file.size for file in below)]


def test_the_tables_count_outcomes():
    def outcome(kind: str, night: int | None) -> Outcome:
        return Outcome(
            kind=kind,
            is_attack=kind in ATTACKS,
            seed=1,
            ordinary_nights=10,
            false_nights=1,
            nights_until_alarm=night,
            rules=("deleted",) if night else (),
        )

    kinds = [*ATTACKS, *EVENTS]
    text = tables([outcome(kind, 2 if number % 2 else None) for number, kind in enumerate(kinds)], [1, 2])
    assert f"| recall: attacks detected | {len(ATTACKS) // 2} of {len(ATTACKS)} " in text
    assert f"| ordinary nights with an alarm | {len(kinds)} of {10 * len(kinds)} (10.0%) |" in text
    assert f"| {list(ATTACKS)[1]} | 1 of 1 | 2 |" in text
