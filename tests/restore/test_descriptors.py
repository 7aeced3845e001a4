"""A descent enters directories only, and returns to the same ones or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL, ELOOP, ENOTDIR, ESTALE, EXDEV

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.crawl.trees import open_descriptors
from tests.restore import trees
from tidemark.restore.descriptors import Descent, names_in, names_of


@contextmanager
def descent(directory: os.PathLike[str]) -> Iterator[Descent]:
    before = open_descriptors()
    top = os.open(directory, os.O_RDONLY)
    position = Descent(top)
    try:
        yield position
    finally:
        position.close()
        os.close(top)
    assert open_descriptors() == before


def make_nested(directory: bytes, depth: int) -> None:
    trees.build(directory, nested(depth))


def nested(depth: int) -> trees.Tree:
    tree: trees.Tree = {}
    for level in reversed(range(depth)):
        tree = {b"d%d" % level: tree, b"other%d" % level: {}}
    return tree


def chain(depth: int) -> list[bytes]:
    return [b"d%d" % level for level in range(depth)]


def test_every_level_on_the_way_back_is_the_one_that_was_entered(tmp_path):
    make_nested(os.fsencode(tmp_path), 100)
    inodes = [os.stat(os.path.join(os.fsencode(tmp_path), *chain(depth))).st_ino for depth in range(101)]
    with descent(tmp_path) as position:
        position.go_to(chain(100))
        for depth in range(100, -1, -1):
            assert position.depth == depth
            assert os.fstat(position.fd).st_ino == inodes[depth] == position.status(depth).st_ino
            if depth:
                position.leave()


@given(st.lists(st.tuples(st.integers(0, 80), st.booleans()), min_size=1, max_size=8))
def test_going_from_path_to_path_leads_to_each_of_them(tmp_path_factory, moves):
    root = tmp_path_factory.getbasetemp() / "nested"
    if not root.exists():
        root.mkdir()
        make_nested(os.fsencode(root), 81)
    with descent(root) as position:
        for depth, other in moves:
            names = [*chain(depth), *([b"other%d" % depth] if other else [])]
            position.go_to(names)
            assert os.fstat(position.fd).st_ino == os.stat(os.path.join(os.fsencode(root), *names)).st_ino


def test_a_directory_that_was_exchanged_while_it_was_closed_is_not_entered(tmp_path):
    make_nested(os.fsencode(tmp_path), 100)
    with descent(tmp_path) as position:
        position.go_to(chain(100))
        (tmp_path / "d0" / "d1").rename(tmp_path / "moved")
        make_nested(os.fsencode(tmp_path / "d0"), 0)
        (tmp_path / "d0" / "d1").symlink_to("/")
        while position.depth > 1:
            position.leave()
            if position.depth > 1:
                assert os.fstat(position.fd).st_ino == position.status(position.depth).st_ino
        # From d1, `..` leads to the top now, which is not d0; d0 is found from the top.
        assert os.fstat(position.fd).st_ino == (tmp_path / "d0").stat().st_ino
    with descent(tmp_path / "moved") as position:
        position.go_to(chain(100)[2:])
        (tmp_path / "moved" / "d2" / "d3").rename(tmp_path / "d3")
        (tmp_path / "moved" / "d2").rename(tmp_path / "d2")
        (tmp_path / "moved" / "d2").mkdir()
        while position.depth > 1:
            position.leave()
        with pytest.raises(OSError, match="exchanged") as raised:
            _ = position.fd
        assert raised.value.errno == ESTALE


def test_neither_links_nor_files_are_entered(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    with descent(tmp_path) as position:
        for name in (b"file", b"link"):
            with pytest.raises(OSError, match=r"directory|symbolic") as raised:
                position.enter(name)
            assert raised.value.errno in {ENOTDIR, ELOOP}
            assert position.depth == 0


def test_other_file_systems_are_not_entered():
    with descent("/") as position:
        with pytest.raises(OSError, match="mounted") as raised:
            position.enter(b"proc")
        assert raised.value.errno == EXDEV


def test_the_forbidden_directory_is_not_entered_under_any_name(tmp_path):
    (tmp_path / "forbidden" / "below").mkdir(parents=True)
    status = (tmp_path / "forbidden").stat()
    (tmp_path / "forbidden").rename(tmp_path / "renamed")
    top = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="restored directory itself") as raised:
            Descent(top, forbidden=status).go_to([b"renamed", b"below"])
        assert raised.value.errno == EINVAL
    finally:
        os.close(top)


def test_names_are_complete_although_they_are_removed_meanwhile(tmp_path):
    for number in range(3000):
        (tmp_path / f"{number}").touch()
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        removed = 0
        for name in names_in(fd):
            os.unlink(name, dir_fd=fd)
            removed += 1
        assert removed == 3000
        assert list(names_in(fd)) == []
    finally:
        os.close(fd)


def test_the_names_of_a_path_make_the_path():
    assert names_of(b"") == ()
    assert names_of(b"a/b\xff/c\n") == (b"a", b"b\xff", b"c\n")
