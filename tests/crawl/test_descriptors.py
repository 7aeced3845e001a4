from __future__ import annotations

import os
from errno import EACCES, EIO, ENOENT, ENOTCONN, ENOTDIR, ESTALE, ETIMEDOUT, EXDEV
from pathlib import Path

import pytest

from tidemark.crawl.descriptors import open_root


@pytest.fixture
def root(tmp_path):
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "file").write_text("")
    root = open_root(os.fsencode(tmp_path))
    yield root
    os.close(root.fd)


@pytest.mark.parametrize("errno", [EIO, EACCES, ENOTCONN, ETIMEDOUT, EXDEV])
def test_only_missing_paths_have_vanished(root, errno):
    assert root.problem(b"/gone", "stat", errno).kind == "unreadable"
    assert root.problem(b"/gone/", "open", errno).errno == errno
    for gone in (ENOENT, ENOTDIR):
        assert root.problem(b"/d/", "open", gone).kind == "vanished"


@pytest.mark.parametrize(
    ("path", "errno"),
    [
        (b"/d/sub/", ESTALE),
        (b"/d/file", ESTALE),
        (b"/d/gone/", ENOENT),
        (b"/d/gone", ENOENT),
        (b"/gone/gone", ENOENT),
        (b"/d/file/", ENOTDIR),  # a file has the directory's name now
        (b"/d/file/gone", ENOTDIR),
        (b"/", ESTALE),
    ],
)
def test_a_stale_handle_is_looked_up_by_name(root, path, errno):
    problem = root.problem(path, "stat", ESTALE)
    assert (problem.path, problem.operation, problem.errno) == (path, "stat", errno)
    assert problem.kind == ("unreadable" if errno == ESTALE else "vanished")


def test_a_name_below_another_mount_does_not_count_as_vanished():
    device = Path("/dev").stat().st_dev
    mounts = [path.name for path in Path("/dev").iterdir() if path.is_dir() and path.lstat().st_dev != device]
    assert mounts, "this machine has nothing mounted below /dev"
    root = open_root(b"/dev")
    try:
        gone = b"/" + os.fsencode(mounts[0]) + b"/gone"
        for path in (gone, gone + b"/", gone + b"/gone/"):
            assert root.problem(path, "stat", ESTALE).kind == "unreadable"
            with pytest.raises(OSError, match=os.strerror(EXDEV)):
                os.close(root.open(gone + b"/"))
    finally:
        os.close(root.fd)
