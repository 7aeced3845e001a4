"""Runs one seeded history and reports what the alarm did."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from bench.damage.attacks import ATTACKS
from bench.damage.innocent import EVENTS
from bench.damage.office import Office
from tidemark.damage.document import DamageDocument
from tidemark.damage.settings import DamageSettings
from tidemark.damage.verdict import Status, Verdict
from tidemark.index.files.damage_file import DamageBuilder, Previous


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the alarm did in one history."""

    kind: str
    is_attack: bool
    seed: int
    ordinary_nights: int  # that were judged before the event
    false_nights: int  # ordinary nights with an alarm
    nights_until_alarm: int | None  # of the event, from 1; None: no alarm
    rules: tuple[str, ...]  # that caused the alarm


class Nights:
    """Makes the document of each night."""

    def __init__(self, office: Office, settings: DamageSettings) -> None:
        self.office, self.settings = office, settings
        self.document: DamageDocument | None = None
        self._previous: Previous | None = None
        self._accepted = ""

    def crawl(self) -> Verdict:
        """Judge the changes since the last crawl, and begin the next day."""
        fs = self.office.fs
        builder = DamageBuilder(
            self.document, self._previous, settings=self.settings, accepted_until=self._accepted
        )
        builder.add(fs.extensions())
        builder.watch(fs.changes())
        builder.choose()
        builder.note_directories(fs.directories())
        index_id = f"{fs.crawled_at:%Y%m%d}"
        self.document = builder.document(index_id, fs.crawled_at, compared=True)
        self._previous = Previous(index_id=index_id, crawled_at=fs.crawled_at, same_exclusions=True)
        fs.next_day()
        return self.document.verdict

    def accept(self) -> None:
        """Accept the changes of the last index, as a person does after looking at them."""
        if self.document is not None:
            self._accepted = self.document.index_id


def run(kind: str, seed: int, settings: DamageSettings) -> Outcome:
    """Run the history of an attack or an innocent event with a seed."""
    chance = random.Random(f"{kind} {seed}")
    office = Office(random.Random(f"{kind} {seed} office"))
    nights = Nights(office, settings)
    judged = false = 0
    for _ in range(chance.randint(20, 50)):
        office.day()
        verdict = nights.crawl()
        judged += verdict.status is not Status.UNKNOWN
        if verdict.status is Status.SUSPICIOUS:
            false += 1
            nights.accept()
    found: Verdict | None = None
    night = 0
    for _ in _steps(kind, office, chance):
        office.day()
        night += 1
        verdict = nights.crawl()
        if verdict.status is Status.SUSPICIOUS:
            found = verdict
            break
    return Outcome(
        kind=kind,
        is_attack=kind in ATTACKS,
        seed=seed,
        ordinary_nights=judged,
        false_nights=false,
        nights_until_alarm=night if found else None,
        rules=tuple(sorted({each.rule for each in found.findings})) if found else (),
    )


def _steps(kind: str, office: Office, chance: random.Random) -> Iterator[None]:
    if kind in ATTACKS:
        yield from ATTACKS[kind](office, chance)
    else:
        EVENTS[kind](office, chance)
        yield
