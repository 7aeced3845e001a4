from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.index.building import directory, index_rows, row
from tidemark.index.query.search import count, search
from tidemark.index.reading.expressions import required_texts
from tidemark.index.storage.object_store import FileStore

LETTERS = st.sampled_from("ab[]!^-*?\\.+$x(){}|&~ \n") | st.sampled_from("éß")


def paths(store, manifest, pattern, **options) -> list[str]:
    return [hit.path for hit in search(store, manifest, pattern, **options)]


def test_a_substring_and_a_glob_find_names_not_paths(store, tmp_path):
    rows = [
        directory("/reports"),
        row("/reports/may.xlsx"),
        row("/reports/june.xlsx"),
        row("/xlsx"),
        row("/a/REPORT"),
    ]
    manifest = index_rows(store, tmp_path, rows, part_rows=2, row_group_rows=1)

    assert paths(store, manifest, "xlsx") == ["/xlsx", "/reports/june.xlsx", "/reports/may.xlsx"]
    assert paths(store, manifest, "*.xlsx") == ["/reports/june.xlsx", "/reports/may.xlsx"]
    assert paths(store, manifest, "report") == ["/reports"]
    assert paths(store, manifest, "report", ignore_case=True) == ["/reports", "/a/REPORT"]
    assert paths(store, manifest, "m?y.*") == ["/reports/may.xlsx"]
    assert paths(store, manifest, "nothing") == []


def test_hits_carry_every_field(store, tmp_path):
    wanted = row(
        b"/d \xff/l \xfe", type="l", target=b"t", uid=4_000_000_000, nlink=2, inode=5, mtime_us=1, ctime_us=2
    )
    manifest = index_rows(store, tmp_path, [wanted])

    (hit,) = search(store, manifest, "l ")

    assert hit.raw_path == wanted.path
    assert hit.path == r"/d \xff/l \xfe"
    assert (hit.type, hit.mode, hit.uid, hit.nlink, hit.inode) == ("l", 0o644, 4_000_000_000, 2, 5)
    assert (hit.mtime_us, hit.ctime_us, hit.target, hit.ext) == (1, 2, "t", None)
    assert hit.mtime.isoformat() == "1970-01-01T00:00:00.000001+00:00"


@pytest.mark.parametrize(("microseconds", "year"), [(2**63 - 1, 9999), (-(2**63), 1)])
def test_times_beyond_the_calendar_are_shown_at_its_ends(store, tmp_path, microseconds, year):
    manifest = index_rows(store, tmp_path, [row("/a", mtime_us=microseconds)])
    (hit,) = search(store, manifest, "a")
    assert hit.mtime_us == microseconds
    assert hit.mtime.year == year


# Names as text decoded with surrogateescape: a byte that is not valid UTF-8, and what its escape consists of.
ODD = st.sampled_from("\\x5cfF\udcff\udc8f\udcc3\udca9éa")


def decoded(text: str) -> str:
    """Return text in which bytes that together are a character are that character."""
    return os.fsencode(text).decode("utf-8", "surrogateescape")


def names_of(letters) -> st.SearchStrategy[list[str]]:
    names = st.text(letters, min_size=1, max_size=5).map(decoded)
    return st.lists(names.filter(lambda name: name not in (".", "..")), unique=True, max_size=8)


def is_in_fnmatch(name: str, glob: str) -> bool:
    return fnmatchcase(name, glob.replace("[^", "[!"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=names_of(LETTERS) | names_of(LETTERS | ODD), pattern=st.text(LETTERS | ODD, max_size=5))
@example(names=["\\x"], pattern="??")
@example(names=["\\x"], pattern="5")
@example(names=["\\x"], pattern="\\*")
@example(names=["\udcff"], pattern="f")
@example(names=["a\udcff", "aÿ"], pattern="a?")
@example(names=["\udcff", "b"], pattern="[\udcff]")
@example(names=["\udcff", "\U00040080", "\U0004007f"], pattern="[\udcff]")
@example(names=["é", "\udcc3"], pattern="\udcc3")
@example(names=["a", "b"], pattern="[b-a]")
def test_hits_are_those_of_fnmatch_or_of_in(tmp_path_factory, names, pattern):
    pattern = decoded(pattern)
    scratch = tmp_path_factory.mktemp("search")
    store = FileStore(scratch)
    manifest = index_rows(store, scratch, [row(b"/" + os.fsencode(name)) for name in names])

    found = {os.fsdecode(hit.raw_path)[1:] for hit in search(store, manifest, pattern)}

    if any(wild in pattern for wild in "*?["):
        expected = {name for name in names if is_in_fnmatch(name, pattern)}
    else:
        expected = {name for name in names if pattern in name}
    assert found == expected
    assert count(store, manifest, pattern) == len(expected)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=names_of(ODD | st.just("X")), text=st.text(ODD | st.just("X"), min_size=1, max_size=3))
@example(names=["\\X", "\\x", "\\X5c", "\udcff"], text="\\x")
@example(names=["\\X5c", "\\x"], text="x5")
@example(names=["\\XFF", "\udcff"], text="\udcff")
def test_text_without_wildcards_is_found_by_its_characters_in_every_mode(tmp_path_factory, names, text):
    text = decoded(text)
    scratch = tmp_path_factory.mktemp("modes")
    store = FileStore(scratch)
    manifest = index_rows(store, scratch, [row(b"/" + os.fsencode(name)) for name in names], block_rows=1)
    for ignore_case in (False, True):
        fold = str.casefold if ignore_case else str
        for mode, pattern, matches in (
            ("exact", text, lambda name, wanted: name == wanted),
            ("substring", text, lambda name, wanted: wanted in name),
            ("glob", text, lambda name, wanted: name == wanted),
            ("glob", f"{text}*", str.startswith),
            ("glob", f"*{text}", str.endswith),
            ("glob", f"*{text}*", lambda name, wanted: wanted in name),
            ("glob", f"?{text}", lambda name, wanted: name[1:] == wanted),
            ("regex", re.escape(text), lambda name, wanted: wanted in name),
            ("regex", f"^.{re.escape(text)}$", lambda name, wanted: name[1:] == wanted),
        ):
            options = {"mode": mode, "ignore_case": ignore_case}
            expected = {name for name in names if matches(fold(name), fold(text))}
            hits = search(store, manifest, pattern, **options)
            assert {os.fsdecode(hit.raw_path)[1:] for hit in hits} == expected, (mode, pattern, ignore_case)
            assert count(store, manifest, pattern, **options) == len(expected)


EXPRESSIONS = st.recursive(
    st.text(st.sampled_from("abcd"), min_size=1, max_size=5)
    | st.sampled_from([".", "[ab]", "^", "$", r"\."]),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | inner.map(lambda each: f"({each})")
        | inner.map(lambda each: f"(?:{each})*")
        | inner.map(lambda each: f"(?i:{each})")
        | st.tuples(inner, inner).map("|".join).map(lambda each: f"({each})")
    ),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.text(st.sampled_from("abcdA."), min_size=1, max_size=9), unique=True, max_size=20),
    expression=EXPRESSIONS,
    ignore_case=st.booleans(),
)
def test_a_regular_expression_finds_the_names_that_python_finds(
    tmp_path_factory, names, expression, ignore_case
):
    names = [name for name in names if name not in (".", "..")]
    scratch = tmp_path_factory.mktemp("expressions")
    manifest = index_rows(FileStore(scratch), scratch, [row(f"/{name}") for name in names], block_rows=2)

    hits = search(FileStore(scratch), manifest, expression, mode="regex", ignore_case=ignore_case)

    compiled = re.compile(expression, re.IGNORECASE if ignore_case else 0)
    assert {hit.name for hit in hits} == {name for name in names if compiled.search(name)}


@pytest.mark.parametrize(
    ("expression", "texts"),
    [
        ("report", ["report"]),
        (r"re(po)rt\.x+$", ["report."]),
        ("abc|abd", ["ab"]),
        ("abc|xyz", []),
        ("abc*", ["ab"]),
        ("(?i)abc", []),
        (r"\pLabc", []),
        ("[[:alpha:]]abc", []),
        ("(?:abc)?def", ["def"]),
        ("", []),
    ],
)
def test_the_literal_texts_of_a_regular_expression_are_required(expression, texts):
    assert required_texts(expression) == texts
