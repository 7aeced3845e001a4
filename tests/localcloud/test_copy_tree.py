"""The copy of a tree, held to what find and diff say of both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.core import copy_tree
from tests.localcloud.backup.conftest import make_tree

COMPARED = "%y %m %s %n %U %G %T@ %P %l\\0"  # type, mode, size, links, owner, times, path, target


def run_copy(source: Path, destination: Path, *prefix: str) -> dict[str, int]:
    command = [*prefix, sys.executable, "-I", "-S", copy_tree.__file__, str(source), str(destination)]
    counts: dict[str, int] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return counts


def listing(top: Path, *conditions: str) -> set[bytes]:
    """Return what find says of all that a backup can hold; the sizes of directories may differ."""
    command = ["find", top, "-mindepth", "1", "(", "-type", "d", "-printf", "d %m %U %G %T@ %P\\0", ")"]
    command += ["-o", "(", "-not", "-type", "p", "-not", "-type", "s", *conditions, "-printf", COMPARED, ")"]
    return set(subprocess.run(command, check=True, capture_output=True).stdout.split(b"\0"))


def test_a_copy_has_every_name_field_and_byte_but_no_fifo_or_socket(tmp_path: Path) -> None:
    source, destination = tmp_path / "source", tmp_path / "destination"
    source.mkdir()
    make_tree(source)
    counts = run_copy(source, destination)
    assert listing(destination) == listing(source)
    kinds = {line[:1] for line in listing(destination)}
    assert kinds == {b"d", b"f", b"l", b""}
    difference = subprocess.run(
        ["diff", "-r", "--no-dereference", "-x", "fifo", "-x", "socket", source, destination],
        check=False,
        capture_output=True,
    )
    assert difference.stdout == b""
    assert (counts["special"], counts["unreadable"], counts["vanished"]) == (2, 0, 0)
    assert counts["files"] == sum(path.is_file() and not path.is_symlink() for path in source.rglob("*"))


def test_hard_links_stay_links_and_holes_stay_holes(tmp_path: Path) -> None:
    source, destination = tmp_path / "source", tmp_path / "destination"
    source.mkdir()
    make_tree(source)
    run_copy(source, destination)
    one, other = destination / "docs" / "a.txt", destination / "docs" / "deep" / "the same as a.txt"
    assert one.stat().st_ino == other.stat().st_ino
    assert one.stat().st_ino != (source / "docs" / "a.txt").stat().st_ino
    assert (destination / "sparse").read_bytes() == (source / "sparse").read_bytes()
    assert (destination / "sparse").stat().st_blocks <= 2 * (source / "sparse").stat().st_blocks


def test_a_linked_copy_has_the_same_files_in_directories_of_its_own(tmp_path: Path) -> None:
    source, first, second = (tmp_path / name for name in ("source", "first", "second"))
    source.mkdir()
    make_tree(source)
    run_copy(source, first)
    command = [sys.executable, "-I", "-S", copy_tree.__file__, "--link", str(first), str(second)]
    subprocess.run(command, check=True, capture_output=True)
    assert listing(second) == listing(first)
    one, other = first / "docs" / "a.txt", second / "docs" / "a.txt"
    assert one.stat().st_ino == other.stat().st_ino
    subprocess.run(["rm", "-rf", first], check=True)
    assert other.read_text() == (source / "docs" / "a.txt").read_text()


def test_a_tree_deeper_than_path_max_is_copied_whole(tmp_path: Path) -> None:
    source, destination = tmp_path / "source", tmp_path / "destination"
    source.mkdir()
    levels = 40  # of 201 bytes: twice PATH_MAX
    descriptor = os.open(source, os.O_RDONLY)
    for level in range(levels):
        name = f"{level}-" + "x" * 198
        os.mkdir(name, dir_fd=descriptor)
        deeper = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = deeper
    for name in ("one", "two"):  # a hard link down there
        if name == "one":
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        else:
            os.link("one", name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
    os.close(descriptor)
    counts = run_copy(source, destination)
    assert (counts["directories"], counts["files"]) == (levels, 2)
    found = subprocess.run(["find", destination, "-name", "one"], check=True, capture_output=True).stdout
    assert found.count(b"x" * 198) == levels
    subprocess.run(["rm", "-rf", source, destination], check=True)  # which shutil.rmtree cannot


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read everything")
def test_what_cannot_be_read_is_left_out_and_counted(tmp_path: Path) -> None:
    source, destination = tmp_path / "source", tmp_path / "destination"
    (source / "closed").mkdir(parents=True)
    (source / "closed" / "file").write_text("unseen")
    (source / "secret").write_text("unseen")
    (source / "open").write_text("seen")
    (source / "secret").chmod(0)
    (source / "closed").chmod(0)
    for parent in (tmp_path, *list(tmp_path.parents)[:-1]):
        if parent != Path("/tmp"):
            parent.chmod(0o777)
    counts = run_copy(source, destination, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    assert counts["unreadable"] == 2
    assert [path.name for path in destination.iterdir()] == ["open"]


def test_a_file_that_vanishes_meanwhile_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(10):
        (source / str(number)).write_text("x")
    original = copy_tree.TreeCopier._copy_file

    def vanishing(self, level, name, status):  # type: ignore[no-untyped-def]  # the method's own types
        if name == b"5":
            (source / "5").unlink()
        return original(self, level, name, status)

    monkeypatch.setattr(copy_tree.TreeCopier, "_copy_file", vanishing)
    counts = copy_tree.TreeCopier().copy(os.fsencode(source), os.fsencode(tmp_path / "destination"))
    assert counts.vanished == 1
    assert len(list((tmp_path / "destination").iterdir())) == 9


def test_a_full_disk_is_an_error_with_its_reason(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("x" * 100_000)
    command = (
        f"ulimit -f 1; trap '' XFSZ; exec {sys.executable} -I -S {copy_tree.__file__} {source} {tmp_path}/to"
    )
    ended = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "cannot copy the file system" in ended.stderr


def test_a_whole_copy_also_has_fifos_and_sockets(tmp_path: Path) -> None:
    source, destination = tmp_path / "source", tmp_path / "destination"
    source.mkdir()
    make_tree(source)
    command = [sys.executable, "-I", "-S", copy_tree.__file__, "--whole", str(source), str(destination)]
    subprocess.run(command, check=True, capture_output=True)
    listed = [
        subprocess.run(
            ["find", top, "-mindepth", "1", "-not", "-type", "d", "-printf", COMPARED],
            check=True,
            capture_output=True,
        ).stdout.split(b"\0")
        for top in (source, destination)
    ]
    assert set(listed[0]) == set(listed[1])
    assert {line[:1] for line in listed[1]} == {b"f", b"l", b"p", b"s", b""}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without permissions")
def test_a_whole_copy_has_what_cannot_be_read_without_its_content(tmp_path: Path) -> None:
    source, destination = tmp_path / "source", tmp_path / "destination"
    (source / "closed").mkdir(parents=True)
    (source / "closed" / "file").write_text("unseen")
    (source / "secret").write_text("unseen")
    (source / "secret").chmod(0)
    (source / "closed").chmod(0)
    for parent in (tmp_path, *list(tmp_path.parents)[:-1]):
        if parent != Path("/tmp"):
            parent.chmod(0o777)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-I", "-S"]
    command += [copy_tree.__file__, "--whole", str(source), str(destination)]
    subprocess.run(command, check=True, capture_output=True)
    secret, closed = destination / "secret", destination / "closed"
    assert (secret.stat().st_size, secret.stat().st_mode & 0o7777) == (6, 0)
    assert secret.stat().st_mtime_ns == (source / "secret").stat().st_mtime_ns
    assert closed.stat().st_mode & 0o7777 == 0
    assert list(closed.iterdir()) == []
