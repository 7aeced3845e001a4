"""`tidemark restore` validates its options before it connects, and its plan is readable."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tidemark.answers.restore_planning import split_paths
from tidemark.cli.commands.restore import _nothing
from tidemark.cli.output.restore_plan import show_plan
from tidemark.cli.support.exit_codes import USAGE
from tidemark.errors import MalformedFileSystemId, NotRestorable
from tidemark.restore.plan import Conflict, Destination, Estimate, Item, Missing, Plan, PointPlan

FS = ("--file-system", "fs-0123456789abcdef0")
AT = datetime(2026, 11, 22, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("/a",), "--file-system"),
        (("relative/a", *FS, "--yes"), "is not a path from the root"),
        (("/a/../b", *FS, "--yes"), "contains . or .."),
        (("/a/./b", *FS, "--yes"), "contains . or .."),
        (("/a", *FS, "--yes", "--at", "yesterday"), "--at"),
        (("/a", *FS, "--yes", "--at", "1d", "--point", "arn:aws:backup:r:1:recovery-point:x"), "exclude"),
        (("/a", *FS, "--yes", "--in-place", "--to", "/b"), "exclude"),
        (("/a", *FS, "--yes", "--to", "b"), "--to"),
        (("/a", *FS, "--yes", "--to", "/b/.."), "--to"),
        (("/a", *FS, "--yes", "--on-conflict", "ask"), "'ask' is not one of fail, skip, rename, replace"),
        (("/a", *FS, "--yes", "--items-per-job", "0"), "--items-per-job"),
        (("/a", *FS, "--yes", "--from0", "/no/such/file"), "cannot read /no/such/file"),
        (("/a", *FS), "confirm with --yes, or use --dry-run"),
        (("/a", *FS, "--json"), "confirm with --yes, or use --dry-run"),
        (("/a", *FS, "--yes", "--without", "tags"), "--new-file-system"),
    ],
)
def test_bad_input_is_refused_without_a_deployment(tidemark, arguments, words) -> None:
    result = tidemark("restore", *arguments)
    assert result.code == USAGE, result.err
    assert words in result.err
    assert result.out == ""


def test_a_malformed_file_system_is_refused(tidemark) -> None:
    assert tidemark("restore", "/a", "--file-system", "home").code == MalformedFileSystemId.exit_code


def test_a_list_without_paths_restores_nothing_rather_than_everything(tidemark, tmp_path: Path) -> None:
    (tmp_path / "none").write_bytes(b"")
    result = tidemark("restore", *FS, "--yes", "--from0", str(tmp_path / "none"))
    assert result.code == NotRestorable.exit_code
    assert "names no path" in result.err


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_dry_run_with_missing_paths_has_the_exit_code_of_the_restore(
    tidemark, monkeypatch, as_json
) -> None:
    one = plan(Item(path="/a", type="f", entries=1, bytes=0), missing=(Missing(path="/b", reason="gone"),))
    monkeypatch.setattr("tidemark.cli.commands.restore.connect", lambda: None)
    monkeypatch.setattr(
        "tidemark.cli.commands.restore.held_points",
        lambda *_: SimpleNamespace(without_index=0, unlisted=[]),
    )
    monkeypatch.setattr("tidemark.cli.commands.restore.plan_restore", lambda *_: one)
    result = tidemark("restore", "/a", "/b", *FS, "--dry-run", *as_json)
    assert result.code == NotRestorable.exit_code
    assert "/b" in result.out
    if as_json:
        assert [each["path"] for each in result.document["plan"]["missing"]] == ["/b"]


@given(st.lists(st.binary(min_size=1).filter(lambda path: b"\0" not in path)))
def test_lists_of_paths_are_split_at_nul_bytes_only(paths: list[bytes]) -> None:
    assert list(split_paths(b"".join(path + b"\0" for path in paths))) == paths
    assert list(split_paths(b"\0".join(paths))) == paths, "the last NUL may be missing"


def plan(*items: Item, missing: tuple[Missing, ...] = (), conflicts: int = 0, requested: int = 0) -> Plan:
    wanted = sum(item.entries for item in items)
    point = PointPlan(
        recovery_point_arn="arn:aws:backup:eu-central-1:123456789012:recovery-point:1",
        region="eu-central-1",
        vault="tidemark",
        created_at=AT,
        index_id="i",
        is_cold=False,
        items=items,
        requests=tuple(item.path for item in items),
        requested_entries=requested or wanted,
        requested_bytes=0,
        jobs=1,
    )
    return Plan(
        plan_id="p",
        account="123456789012",
        region="eu-central-1",
        file_system_id="fs-0123456789abcdef0",
        created_at=AT,
        destination=Destination(kind="in-place"),
        on_conflict="fail",
        items_per_job=5,
        points=(point,) if items else (),
        missing=missing,
        conflicts=tuple(Conflict(path=f"/c{number}", existing_type="f") for number in range(conflicts)),
        conflict_count=conflicts,
        estimate=Estimate(
            jobs=1,
            entries=wanted,
            bytes=0,
            seconds_low=1,
            seconds=300,
            parts=(),
            usd=Decimal("0.5"),
            assumptions=("Prices of a day.",),
        ),
    )


def shown(one: Plan) -> str:
    out = io.StringIO()
    show_plan(Console(file=out, width=200, highlight=False, markup=False), one)
    return out.getvalue()


def test_a_plan_names_points_items_target_time_and_cost() -> None:
    text = shown(plan(Item(path="/home/a\\x1b.txt", type="f", entries=1, bytes=1234)))
    for words in ("2026-11-22 02:00:00 UTC", "tidemark in eu-central-1", "/home/a\\x1b.txt", "1.2 kB"):
        assert words in text
    for words in ("1 entry, 1.2 kB", "fs-0123456789abcdef0", "5 min 00 s", "$0.50", "Prices of a day."):
        assert words in text


@pytest.mark.parametrize("number", [1, 2, 12])
def test_a_plan_lists_what_is_missing_and_in_the_way(number: int) -> None:
    missing = tuple(Missing(path=f"/m{each}", reason="no recovery point") for each in range(number))
    text = shown(plan(Item(path="/a", type="f", entries=1, bytes=0), missing=missing, conflicts=number))
    assert f"{number} path{'s' * (number > 1)} cannot be restored" in text
    assert f"{number} target{'s' * (number > 1)} existed" in text
    assert text.count("and 2 more") == 2 * (number == 12)


def test_an_existing_directory_is_shown_as_merged_and_not_as_the_only_thing_in_the_way() -> None:
    restored = dataclasses.replace(
        plan(Item(path="/", type="d", entries=30, bytes=0), Item(path="/f", type="f", entries=1, bytes=0)),
        conflicts=(Conflict(path="/", existing_type="d"), Conflict(path="/f", existing_type="d")),
        conflict_count=2,
    )
    lines = shown(restored).splitlines()
    assert any(line.startswith("  /  (a directory, merged") for line in lines)
    assert "  /f" in lines, "a directory in place of a file is a conflict"


@pytest.mark.parametrize(
    ("kind", "words"), [("f", "a file, and items"), ("l", "a symbolic link, which is not")]
)
def test_a_file_or_link_above_a_target_is_explained(kind: str, words: str) -> None:
    restored = dataclasses.replace(
        plan(Item(path="/up/f", type="f", entries=1, bytes=0)),
        conflicts=(Conflict(path="/up", existing_type=kind),),
        conflict_count=1,
    )
    assert f"  /up  ({words}" in shown(restored)


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        ("0", "about $0.00"),
        ("0.0013", "less than $0.01"),
        ("0.01", "about $0.01"),
        ("1234", "about $1,234.00"),
    ],
)
def test_a_cost_is_never_shown_as_nothing(usd: str, words: str) -> None:
    one = plan(Item(path="/a", type="f", entries=1, bytes=0))
    cheap = dataclasses.replace(one, estimate=dataclasses.replace(one.estimate, usd=Decimal(usd)))
    assert words in shown(cheap)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/a", "tidemark search"),
        ("/a\\x0a/b", "print0"),
        ("/a\\x0a", "print0"),
        ("/a\\x0ab", "tidemark search"),
    ],
)
def test_a_list_with_line_breaks_instead_of_nul_bytes_is_recognized(path: str, words: str) -> None:
    error = _nothing(plan(missing=(Missing(path=path, reason="no recovery point"),)))
    assert words in str(error)


def test_a_plan_shows_what_is_restored_in_addition() -> None:
    item = Item(path="/a/\\xff", type="f", entries=1, bytes=0)
    assert "AWS Backup restores" not in shown(plan(item))
    assert "AWS Backup restores 500 entries" in shown(plan(item, requested=500))
