"""Planted damage is found, all of it and nothing else."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from errno import EIO
from pathlib import Path

import pytest

from tests.crawl import trees as crawled
from tidemark.escape import escape
from tidemark.index.format.entry import Entry
from tidemark.restore.compare import Difference, compare


def entries_of(root: Path) -> list[Entry]:
    """Return the entries of a tree as `find` reports it, in the order of an index: by parent, then name."""
    rows = sorted(crawled.found_by_find(root), key=lambda row: row.path.rpartition(b"/"))
    return [
        Entry(
            parent=escape(row.path.rpartition(b"/")[0] + b"/"),
            name=escape(row.path.rpartition(b"/")[2]),
            type=row.type,
            size=row.size,
            mtime_us=row.mtime_us,
            ctime_us=row.ctime_us,
            uid=row.uid,
            gid=row.gid,
            mode=row.mode,
            nlink=row.nlink,
            inode=row.inode if row.nlink > 1 else None,
            target=escape(row.target) if row.type == "l" else None,
            ext=None,
        )
        for row in rows
    ]


def differences(
    root: Path, entries: list[Entry], *, exact: bool = False, **options
) -> set[tuple[bytes, str]]:
    found = list(compare(os.fsencode(root), entries, target_of=lambda path: path, exact=exact, **options))
    assert len(found) == len(set(found))
    return {(difference.path, difference.field) for difference in found}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    crawled.make_pitfalls(root)
    return root


NOT_IN_BACKUPS = {(b"fifo", "extra"), (b"socket", "extra"), (b"device", "extra")}


@pytest.mark.parametrize("exact", [False, True])
def test_an_undamaged_tree_has_no_differences(tree, exact):
    for name in ("fifo", "socket", "device"):
        (tree / name).unlink(missing_ok=True)
    assert differences(tree, entries_of(tree), exact=exact) == set()


def test_sockets_fifos_and_devices_are_not_expected(tree):
    entries = entries_of(tree)
    assert differences(tree, entries) == set()
    there = {(name, "extra") for name, _ in NOT_IN_BACKUPS if (tree / os.fsdecode(name)).exists()}
    assert differences(tree, entries, exact=True) == there
    for name, _ in there:
        (tree / os.fsdecode(name)).unlink()
    assert differences(tree, entries) == set()


def damage(tree: Path) -> set[tuple[bytes, str]]:
    """Damage a tree of pitfalls; return what a comparison must find, apart from times of directories."""
    chain = [row.path[1:] for row in crawled.found_by_find(tree) if row.path.startswith(b"/chain")]
    shutil.rmtree(tree / "chain")  # its paths are too long for pathlib
    times = {path: path.lstat() for path in tree.rglob("*")}

    def keep_time(path: Path) -> None:
        os.utime(path, ns=(times[path].st_atime_ns, times[path].st_mtime_ns), follow_symlinks=False)

    def directories_keep_their_times() -> None:
        for path, status in times.items():
            if stat.S_ISDIR(status.st_mode) and not path.is_symlink():
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    (tree / "a" / "z").unlink()
    (tree / "a b" / "z").write_text("truncated the other way")
    keep_time(tree / "a b" / "z")
    os.chown(tree / "a-b" / "z", 1234, -1)
    os.chown(tree / "a.b" / "z", -1, 4321)
    (tree / "setuid").chmod(0o755)
    later = times[tree / "a0" / "z"].st_mtime_ns // 1000 * 1000 + 1000
    os.utime(tree / "a0" / "z", ns=(later, later))
    (tree / "dangling").unlink()
    (tree / "dangling").symlink_to("something/else")
    keep_time(tree / "dangling")
    (tree / "loop").unlink()
    (tree / "loop").mkdir()
    (tree / "sticky").chmod(0o777)
    shutil.rmtree(tree / "wide")
    (tree / "wide").symlink_to("a b")
    (tree / "empty" / "added").mkdir()
    (tree / "empty" / "added" / "below").write_text("")
    (tree / "sub" / os.fsdecode(b"added \xff")).write_text("")
    directories_keep_their_times()
    return {
        (b"a/z", "missing"),
        (b"a b/z", "size"),
        (b"a-b/z", "owner"),
        (b"a.b/z", "group"),
        (b"setuid", "mode"),
        (b"a0/z", "mtime"),
        (b"dangling", "target"),
        (b"loop", "type"),
        (b"sticky", "mode"),
        (b"wide", "type"),
        *((path, "missing") for path in chain),
        *((b"wide/%05d" % number, "missing") for number in range(3000)),
    }


def test_all_planted_damage_is_found_and_nothing_else(tree):
    entries = entries_of(tree)
    expected = damage(tree)
    assert differences(tree, entries) == expected
    extra = {(b"empty/added", "extra"), (b"sub/added \xff", "extra")}
    there = {
        (name, "extra") for name, _ in NOT_IN_BACKUPS if os.path.lexists(os.fsencode(tree) + b"/" + name)
    }
    assert differences(tree, entries, exact=True) == expected | extra | there


def test_a_difference_contains_what_was_expected_and_what_was_found(tmp_path):
    (tmp_path / "file").write_text("12345")
    (tmp_path / "file").chmod(0o640)
    entries = entries_of(tmp_path)
    (tmp_path / "file").write_text("1")
    (tmp_path / "file").chmod(0o4600)
    os.utime(tmp_path / "file", ns=(0, 1_999))
    found = set(compare(os.fsencode(tmp_path), entries, target_of=lambda path: path, exact=False))
    assert found == {
        Difference(b"file", "size", "5", "1"),
        Difference(b"file", "mode", "0640", "4600"),
        Difference(b"file", "mtime", str(entries[0].mtime_us), "1"),
    }


def test_times_of_directories_are_compared_only_where_they_are_expected(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    entries = entries_of(tmp_path)
    for name in ("one", "two"):
        os.utime(tmp_path / name, ns=(1, 1))
    assert differences(tmp_path, entries) == set()
    whole = {"directory_mtime": lambda entry: entry.name == "two"}
    assert differences(tmp_path, entries, **whole) == {(b"two", "mtime")}
    assert differences(tmp_path, entries, exact=True) == {(b"one", "mtime"), (b"two", "mtime")}


def test_a_link_more_or_less_is_a_difference_only_of_a_whole_file_system(tmp_path):
    (tmp_path / "file").write_text("")
    entries = entries_of(tmp_path)
    os.link(tmp_path / "file", tmp_path / "other")
    assert differences(tmp_path, entries) == set()
    assert differences(tmp_path, entries, exact=True) == {(b"file", "nlink"), (b"other", "extra")}


def test_entries_are_looked_up_at_their_targets(tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "file").write_text("content")
    (tmp_path / "from" / "other").write_text("content")
    entries = entries_of(tmp_path)
    shutil.copytree(tmp_path / "from", tmp_path / "to", copy_function=shutil.copy2)
    (tmp_path / "to" / "file").write_text("con")

    def target_of(path: bytes) -> bytes | None:
        return path.replace(b"from", b"to") if path.endswith(b"/file") else None

    found = compare(os.fsencode(tmp_path), entries, target_of=target_of, exact=False)
    assert {(difference.path, difference.field) for difference in found} >= {(b"to/file", "size")}
    found = compare(os.fsencode(tmp_path), entries, target_of=lambda path: None, exact=True)
    assert list(found) == []


def test_directories_of_aws_backup_in_the_root_are_not_extra(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "below").mkdir()
    entries = entries_of(tmp_path)
    times = (tmp_path / "below").stat()
    for name in ("aws-backup-restore_2026-11-29", "aws-backup-failed-restore_x", "aws-backup-lost+found"):
        (tmp_path / name).mkdir()
        (tmp_path / "below" / name).mkdir()
    os.utime(tmp_path / "below", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert differences(tmp_path, entries, exact=True) == {
        (b"below/aws-backup-restore_2026-11-29", "extra"),
        (b"below/aws-backup-failed-restore_x", "extra"),
        (b"below/aws-backup-lost+found", "extra"),
    }


def test_a_socket_in_the_place_of_a_file_is_another_type(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    entries = entries_of(tmp_path)
    (tmp_path / "file").unlink()
    monkeypatch.chdir(tmp_path)  # a socket's path has 108 bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("file")
    assert differences(tmp_path, entries) == {(b"file", "type")}


def test_an_entry_and_a_directory_that_cannot_be_read_are_reported(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "link").symlink_to("target")
    (tmp_path / "below" / "file").write_text("")
    entries = entries_of(tmp_path)

    def fail(*_, **__):
        raise OSError(EIO, os.strerror(EIO))

    monkeypatch.setattr(os, "readlink", fail)
    assert differences(tmp_path, entries) == {(b"below/link", "unreadable")}
    monkeypatch.setattr(os, "scandir", fail)
    found = differences(tmp_path, entries, exact=True)
    assert found == {(b"below/link", "unreadable"), (b"below", "unreadable"), (b"", "unreadable")}
