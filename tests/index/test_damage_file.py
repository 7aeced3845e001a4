"""damage.json of indexes that are built one after the other."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.crawl.trees import Row
from tests.index.building import RowsCrawl, directory, identity_of, index_rows, row
from tidemark.damage.settings import DamageSettings
from tidemark.damage.verdict import Status
from tidemark.errors import IndexDamaged
from tidemark.exclusions import Exclusion
from tidemark.index.build.pipeline import build_index
from tidemark.index.files.damage_file import (
    DAMAGE,
    NO_PREVIOUS,
    NO_RECORD,
    NOT_COMPARED,
    OTHER_EXCLUSIONS,
    read_damage,
)
from tidemark.index.format.manifest import Manifest, RestoredPoint
from tidemark.index.storage.object_store import FileStore

SETTINGS = DamageSettings(history=2, files=10)
DAY = 86_400_000_000
BEGIN = 1_793_491_200_000_000  # 2026-11-01


def build(store: FileStore, scratch: Path, rows: list[Row], number: int, **options: object) -> Manifest:
    identity = identity_of(number)
    crawl = RowsCrawl(rows)
    moment = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=number)
    fixed = {"scratch": scratch, "now": lambda: moment, "worker": "test", "damage": SETTINGS}
    return build_index(crawl, store, identity, **fixed | options)


def tree(number: int, *, locked: int = 0) -> list[Row]:
    """Return 40 documents, of which one changes each day, and the first `locked` are encrypted."""
    rows = [
        directory("/home"),
        directory("/srv"),
        row("/srv/app.log", size=number, mtime_us=BEGIN + number * DAY),
    ]
    for each in range(40):
        written = {"mtime_us": BEGIN + number * DAY, "size": 50 + number} if each == 39 else {}
        path = f"/home/f{each:02}.txt"
        rows.append(row(f"{path}.xyz", mtime_us=BEGIN + 5 * DAY) if each < locked else row(path, **written))
    return rows


def days(store: FileStore, scratch: Path, last: int) -> list[Manifest]:
    return [build(store, scratch, tree(number), number) for number in range(1, last + 1)]


def verdict(store: FileStore, manifest: Manifest):
    document = read_damage(store, manifest)
    assert document is not None
    return document.verdict


def test_an_attack_is_found_in_the_index_that_contains_it(store, tmp_path):
    made = days(store, tmp_path, 4)
    found = [verdict(store, each) for each in made]
    assert [each.status for each in found] == [Status.UNKNOWN] * 3 + [Status.NORMAL]
    assert found[0].reason == NO_PREVIOUS
    damaged = verdict(store, build(store, tmp_path, tree(5, locked=30), 5))
    assert damaged.last_good_index_id == made[-1].index_id
    (finding,) = damaged.findings
    assert (finding.rule, finding.directory, finding.amount, finding.of) == ("replaced", "/home/", 30, 40)
    assert finding.example == "xyz"


def test_files_and_bytes_before_the_changes_are_those_of_the_previous_index(store, tmp_path):
    before = days(store, tmp_path, 4)[-1]
    document = read_damage(store, build(store, tmp_path, tree(5, locked=30), 5))
    root = document.own.root
    assert (root.files, root.bytes) == (before.totals.files, before.totals.bytes)
    assert root.files_after == before.totals.files


def test_an_accepted_index_becomes_history(store, tmp_path):
    days(store, tmp_path, 4)
    attack = build(store, tmp_path, tree(5, locked=20), 5)
    more = {"accepted_until": attack.index_id}
    assert verdict(store, build(store, tmp_path, tree(6, locked=40), 6, **more)).status is Status.NORMAL


def test_other_exclusions_are_not_compared(store, tmp_path):
    days(store, tmp_path, 4)
    manifest = build(store, tmp_path, tree(5, locked=30), 5, excluded=(Exclusion.parse("/tmp"),))
    found = verdict(store, manifest)
    assert (found.status, found.reason) == (Status.UNKNOWN, OTHER_EXCLUSIONS)
    assert len(read_damage(store, manifest).comparisons) == 3  # the history is kept


def test_a_damaged_record_of_the_previous_index_is_no_history(store, tmp_path):
    last = days(store, tmp_path, 4)[-1]
    key = last.identity.prefix + last.side_file(DAMAGE).file
    store.put(key, store.get(key).replace(b"normal", b"abnorm"))
    with pytest.raises(IndexDamaged, match=r"damage\.json"):
        read_damage(store, last)
    assert verdict(store, build(store, tmp_path, tree(5, locked=30), 5)).reason == NO_RECORD


def test_without_readable_parts_of_the_previous_index_nothing_is_compared(store, tmp_path):
    last = days(store, tmp_path, 4)[-1]
    store.put(last.identity.prefix + last.parts[0].file, b"x")
    found = verdict(store, build(store, tmp_path, tree(5, locked=30), 5))
    assert (found.status, found.reason) == (Status.UNKNOWN, NOT_COMPARED)


def test_an_index_of_an_earlier_version_has_no_record(store, tmp_path):
    manifest = index_rows(store, tmp_path, [row("/a")])
    sides = tuple(file for file in manifest.side_files if file.file != DAMAGE)
    assert read_damage(store, dataclasses.replace(manifest, side_files=sides)) is None


def test_the_index_of_a_restored_point_is_not_judged(store, tmp_path):
    source = RestoredPoint(recovery_point_arn="arn", restore_job_id="job", restored_file_system_id="fs-1")
    assert build(store, tmp_path, tree(1), 1, source=source).side_file(DAMAGE) is None


def test_a_small_record_is_written_for_many_directories(store, tmp_path):
    rows = [directory(f"/d{each:04}") for each in range(1_500)]
    build(store, tmp_path, rows, 1)
    files = [row(f"/d{each:04}/f{number}.txt") for each in range(1_500) for number in range(2)]
    manifest = build(store, tmp_path, rows + files, 2)
    document = read_damage(store, manifest)
    assert document.own.root.counts.added == 3_000
    assert len(document.own.scopes) < 100
