"""Restores bring back what a recovery point holds, unchanged."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from localcloud import Fault
from tests.e2e.conftest import TIDEMARK, Answer, Deployed, until
from tests.e2e.trees import tree, without_directory_times
from tidemark.errors import NotRestorable, PathNotFound, RestoreFailed

pytestmark = pytest.mark.cloud


def restore(deployed: Deployed, name: str, *arguments: str) -> Answer:
    """Restore a file system and wait."""
    file_system = deployed.cloud.file_systems[name].id
    return deployed.tidemark("restore", *arguments, "--file-system", file_system, "--yes", "--wait", "--json")


def restored(deployed: Deployed, name: str, *arguments: str) -> dict[str, Any]:
    """Restore, which must succeed; return the session."""
    answer = restore(deployed, name, *arguments)
    assert answer.code == 0, answer.err
    return answer.json["session"]


def root_of(deployed: Deployed, name: str) -> Path:
    return deployed.cloud.directory_of(deployed.cloud.file_systems[name].id)


def left_directories(root: Path) -> list[str]:
    return [entry.name for entry in root.iterdir() if entry.name.startswith("aws-backup-")]


@pytest.fixture(scope="module")
def desk(deployed: Deployed) -> Deployed:
    """A deployment in which the file system `desk` has a backup and an index, and a private copy."""
    deployed.run("desk")
    restored(deployed, "desk", "/plain.txt", "--on-conflict", "skip")
    return deployed


@pytest.fixture
def root(desk: Deployed) -> Iterable[Path]:
    """The root of `desk`, with the content of its backup; it gets this content again after the test."""
    root = root_of(desk, "desk")
    kept = root.parent / "kept"
    subprocess.run(["cp", "-a", root, kept], check=True)
    yield root
    subprocess.run(["find", root, "-mindepth", "1", "-delete"], check=True)
    subprocess.run(["cp", "-a", f"{kept}/.", root], check=True)
    shutil.rmtree(kept)


def test_everything_comes_back_as_it_was(desk: Deployed, root: Path) -> None:
    before = tree(root)
    subprocess.run(["find", root, "-mindepth", "1", "-delete"], check=True)
    session = restored(desk, "desk")
    assert tree(root) == before
    assert session["status"] == "success"
    assert left_directories(root) == []


def test_named_paths_come_back_and_nothing_else_is_touched(desk: Deployed, root: Path) -> None:
    (root / "stays.txt").write_text("made after the backup")
    (root / "a" / "z").write_text("changed after the backup")
    before = tree(root)
    gone = ["/sub", "/caf\\xe9", "/dir \\xff\\x0a\\x5cx41", "/literal \\x5cxff", "/wide/00017"]
    for path in (b"sub", b"dir \xff\n\\x41"):
        shutil.rmtree(os.path.join(os.fsencode(root), path))
    for path in (b"caf\xe9", b"literal \\xff", b"wide/00017"):
        os.remove(os.path.join(os.fsencode(root), path))  # noqa: PTH107 - bytes
    assert tree(root) != before
    restored(desk, "desk", *gone)
    # The hard link between plain.txt, which stayed, and its name in /sub was cut by its removal.
    expected = {
        path: node._replace(links=1) if path in (b"plain.txt", b"sub/hard link") else node
        for path, node in without_directory_times(before).items()
    }
    assert without_directory_times(tree(root)) == expected
    assert left_directories(root) == []


def test_a_restore_to_a_directory_keeps_the_paths_below_it(desk: Deployed, root: Path) -> None:
    before = tree(root)
    restored(desk, "desk", "--to", "/some/where")
    assert tree(root / "some" / "where") == before
    assert {path: node for path, node in tree(root).items() if not path.startswith(b"some")} == before


@pytest.mark.parametrize("policy", ["skip", "rename", "replace"])
def test_existing_files_are_changed_only_if_asked(desk: Deployed, root: Path, policy: str) -> None:
    (root / "a" / "z").write_text("newer")
    (root / "a" / "b" / "z").unlink()
    restored(desk, "desk", "/a", "--on-conflict", policy)
    assert (root / "a" / "b" / "z").read_text() == ""
    assert (root / "a" / "z").read_text() == ("" if policy == "replace" else "newer")
    beside = [entry.name for entry in (root / "a").iterdir() if entry.name.startswith("z.")]
    assert len(beside) == (policy == "rename")


def test_a_conflict_is_reported_and_both_files_are_kept(desk: Deployed, root: Path) -> None:
    (root / "a" / "z").write_text("newer")
    answer = restore(desk, "desk", "/a/z", "/plain.txt")
    assert answer.code == RestoreFailed.exit_code
    session = answer.json["session"]
    assert session["status"] == "failed"
    shown = desk.tidemark("restore-session", session["restore_id"], "--json").json
    assert sorted(one["path"] for one in shown["problems"]) == ["/a/z", "/plain.txt"]
    assert (root / "a" / "z").read_text() == "newer"
    (left,) = left_directories(root)
    assert (root / left / "a" / "z").read_text() == ""


def test_paths_from_a_search_are_restored(desk: Deployed, root: Path) -> None:
    for number in range(1000, 1012):
        (root / "wide" / f"{number:05}").unlink()
    file_system = desk.cloud.file_systems["desk"].id
    found = subprocess.run(
        [TIDEMARK, "search", "0100?", "--file-system", file_system, "--print0"],
        env={**desk.cloud.environment, "HOME": str(desk.home), "PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    )
    assert found.stdout.count(b"\0") == 10
    given = desk.home / "found"
    given.write_bytes(found.stdout)
    session = restored(desk, "desk", "--from0", str(given))
    assert session["totals"]["placed"] == 10
    assert not (root / "wide" / "01010").exists()


def test_more_items_than_aws_backup_accepts_take_more_jobs(desk: Deployed, root: Path) -> None:
    names = [f"{number:05}" for number in range(0, 3000, 250)]
    for name in names:
        (root / "wide" / name).unlink()
    session = restored(desk, "desk", *(f"/wide/{name}" for name in names))
    assert len(session["jobs"]) == 3  # the local cloud accepts five items
    assert all((root / "wide" / name).exists() for name in names)


def test_what_no_backup_holds_is_reported_before_anything_starts(desk: Deployed) -> None:
    answer = restore(desk, "desk", "/no/such/file")
    assert answer.code == NotRestorable.exit_code
    assert "/no/such/file" in answer.err
    assert [one["path"] for one in answer.json["plan"]["missing"]] == ["/no/such/file"]
    assert answer.json.keys() == {"plan"}


def test_two_restores_of_one_path_run_one_after_the_other(desk: Deployed, root: Path) -> None:
    (root / "a" / "z").unlink()
    file_system = desk.cloud.file_systems["desk"].id
    ids = [
        desk.tidemark(
            "restore", "/a/z", "--file-system", file_system, "--yes", "--on-conflict", "skip", "--json"
        ).json["restore_id"]
        for _ in range(2)
    ]
    ended = [
        until(
            lambda one=one: desk.tidemark("restore-session", one, "--json"),
            lambda answer: answer.code == 0 and answer.json["status"] != "running",
        ).json
        for one in ids
    ]
    assert [one["status"] for one in ended] == ["success", "success"], ended
    assert sorted(tuple(one["totals"]) for one in ended) != []
    assert (root / "a" / "z").exists()
    assert left_directories(root) == []


def test_a_killed_worker_is_replaced_and_nothing_is_lost(desk: Deployed, root: Path) -> None:
    before = tree(root)
    for name in ("a", "sub", "wide"):
        shutil.rmtree(root / name)
    desk.cloud.faults.add(
        Fault(
            service="s3",
            operation="PutObject",
            action="kill",
            match=r"results/totals-",
            principal="restore-task",
            calls=(1, 1),
        )
    )
    session = restored(desk, "desk", "/a", "/sub", "/wide")
    assert session["status"] == "success", session
    expected = {
        path: node._replace(links=1) if path in (b"plain.txt", b"sub/hard link") else node
        for path, node in without_directory_times(before).items()
    }
    assert without_directory_times(tree(root)) == expected
    assert left_directories(root) == []


def test_a_worker_on_ec2_restores(deployed: Deployed) -> None:
    deployed.run("instance")
    restored(deployed, "bare", "/readme.txt", "--on-conflict", "skip")
    root = root_of(deployed, "bare")
    before = tree(root)
    (root / "readme.txt").unlink()
    shutil.rmtree(root / "scratch")
    answer = restore(deployed, "bare", "/readme.txt", "/scratch")
    assert answer.code == 0, answer.err
    assert without_directory_times(tree(root)) == without_directory_times(before)


def test_a_session_that_does_not_exist_is_answered(deployed: Deployed) -> None:
    answer = deployed.tidemark("restore-session", "restore-nothing")
    assert answer.code == 33
    assert "tidemark restores" in answer.err
    assert deployed.tidemark("ls", "fs-0:/").code != PathNotFound.exit_code


def test_restores_are_listed(desk: Deployed) -> None:
    listed = desk.tidemark("restores", "--json").json["restores"]
    assert {one["file_system"] for one in listed} >= {desk.cloud.file_systems["desk"].id}
    assert "restore-fs-" in desk.tidemark("restores").out
