"""The grammar of exclusions, compared with git and pathspec."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess

import pathspec
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tidemark.exclusions import Exclusion

NAMES = ["a", "ab", "b", ".a", "[x", "a.b", "x!", "-"]
PATHS = [
    "/".join(names)
    for depth in (1, 2, 3)
    for names in itertools.product(NAMES[: depth * -2 + 10], repeat=depth)
]
PLAIN = ["a", "b", "x", ".", "*", "?", "**", "\\a", "\\[", "\\!"]
SETS = ["[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[-a]", "[a-]"]


def patterns(pieces):
    """Return patterns of up to four names, with and without slashes at their ends."""
    name = st.just("**") | st.lists(st.sampled_from(pieces), min_size=1, max_size=3).map("".join)
    names = st.lists(name.filter(lambda name: name not in (".", "..")), min_size=1, max_size=4).map("/".join)
    return st.tuples(st.sampled_from(["", "/"]), names, st.sampled_from(["", "/"])).map("".join)


def left_out(pattern):
    """Return the paths that a pattern excludes, with everything below them."""
    regex = re.compile(Exclusion.parse(pattern).regex())
    return {
        path
        for path in PATHS
        if any(map(regex.fullmatch, itertools.accumulate(path.split("/"), "{}/{}".format)))
    }


@pytest.fixture(scope="module")
def work_tree(tmp_path_factory):
    if shutil.which("git") is None:
        pytest.skip("there is no git here")
    root = tmp_path_factory.mktemp("work-tree")
    subprocess.run(["git", "init", "--quiet", root], check=True)
    for path in PATHS:
        (root / path).mkdir(parents=True, exist_ok=True)
    return root


@given(pattern=patterns([*PLAIN, *SETS]))
@example("a/**/b")
@example("/a/**")
@example("**/[!a]/**")
@settings(max_examples=60, deadline=None)
def test_a_pattern_excludes_the_directories_that_git_ignores(work_tree, pattern):
    # With `a**/**`, git also ignores `a`; by its documentation, `a**` is `a*`, and `/**` is only the content.
    # With `a**/a`, git compares the literal `a` first and then reads `**/` as any number of directories.
    assume(not re.search(r"[^/]\*\*(/|.*/\*\*/?$)", pattern))
    (work_tree / ".gitignore").write_text(f"{pattern}\n")
    run = subprocess.run(
        ["git", "-C", work_tree, "check-ignore", "--no-index", "-z", "--stdin"],
        input="\0".join(PATHS),
        text=True,
        capture_output=True,
        check=False,
    )
    assert run.returncode in (0, 1), run.stderr
    assert left_out(pattern) == set(run.stdout.split("\0")) - {""}


@given(pattern=patterns(PLAIN))
@settings(max_examples=200, deadline=None)
def test_a_pattern_excludes_the_directories_that_pathspec_excludes(pattern):
    ignored = pathspec.GitIgnoreSpec.from_lines([pattern])
    # For pathspec, a directory is part of its content.
    below = {path for path in PATHS if pattern.rstrip("/").endswith("**") and path not in left_out(pattern)}
    assert left_out(pattern) == {path for path in PATHS if ignored.match_file(f"{path}/")} - below


@given(text=st.text(st.sampled_from("ab/*?[]!^-\\x0f8é\udcff.\1"), min_size=1, max_size=12))
@example("\\xc3\\xa9")
@example("[\\]-\\x80]")
@example("[!\\^]")
def test_a_pattern_is_read_back_from_its_text(text):
    try:
        pattern = Exclusion.parse(text)
    except ValueError:
        return
    assert Exclusion.parse(str(pattern)) == pattern
    assert str(pattern).startswith("/")
    str(pattern).encode()  # for the manifest, the environment and Parameter Store
    re.compile(pattern.regex())
    assert b"\0" not in pattern.program()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("/a", "/a"),
        ("a", "/**/a"),
        ("a/", "/**/a"),
        ("./a", "/a"),
        (".//a/./b//", "/a/b"),
        ("/a/**/**/b", "/a/**/b"),
        ("/a/***b", "/a/*b"),
        ("/a/**", "/a/**/*"),
        ("**", "/**/*"),
        ("/\\a\\*", "/a\\*"),
        ("/\\xc3\\xa9\\xff", "/é\\xff"),
        ("/a\udcff", "/a\\xff"),
        ("/[^!-]", "/[!\\!\\-]"),
        ("/[\\x2a]", "/[*]"),
        ("/a\\", None),
        ("/", None),
        ("", None),
        (".", None),
        ("..", None),
        ("/a/../b", None),
        ("/\\.\\.", None),
        ("!a", None),
        ("/[a", None),
        ("/[a/b]", None),
        ("/[z-a]", None),
        ("/[[:alpha:]]", None),
        ("/a\0", None),
        ("/\\x2f", None),
        ("/\ud800", None),
    ],
)
def test_patterns(text, written):
    if written is None:
        with pytest.raises(ValueError, match=re.escape(repr(text))):
            Exclusion.parse(text)
    else:
        assert str(Exclusion.parse(text)) == written


def test_a_wildcard_matches_one_character_of_any_number_of_bytes():
    regex = re.compile(Exclusion.parse("/caf?").regex())
    assert [
        bool(regex.fullmatch(os.fsdecode(name))) for name in (b"caf\xc3\xa9", b"caf\xe9", b"caf\xc3\xa9s")
    ] == [
        True,
        True,
        False,
    ]
