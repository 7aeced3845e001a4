"""Searches regardless of case: Unicode's full case folding in every mode, with trigrams and without."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.index.building import index_rows, row
from tidemark.index.query.search import count, search
from tidemark.index.reading import folding
from tidemark.index.reading.filters import Filters
from tidemark.index.reading.pattern import NamePattern
from tidemark.index.storage.object_store import FileStore

# Letters that fold to several, that several fold to, that are lowered to something else than they fold to.
ODD = "ΣσςßẞſsSŠšKkKİiIıﬁﬀﬃfFtTﬆẗ\u0308\u0307ŉnΐὙιͅᾳµμÅåÉéЖжԱաꭰᎠ𐐀𐐨"  # noqa: RUF001 - these are meant
ANY = st.text(
    st.sampled_from(ODD + "ab.") | st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1
)
WORDS = st.text(st.sampled_from("sfiltσςΣßſﬁﬀﬆaA"), min_size=1, max_size=7)  # noqa: RUF001 - likewise
NAMES = (WORDS | ANY).map(lambda name: name[:40]).filter(lambda name: name not in (".", ".."))


def matching(names, pattern, mode):
    wanted = NamePattern(pattern, mode=mode, ignore_case=True)
    return wanted(pa.chunked_array([pa.array(names, pa.string())])).to_pylist()


@given(names=st.lists(NAMES, min_size=1, max_size=8), pattern=WORDS | ANY)
@example(names=["ΣΟΦΟΣ", "σοφος"], pattern="σοφος")
@example(names=["st"], pattern="\N{LATIN SMALL LIGATURE ST}")
@example(names=["STRASSE", "straße", "STRAẞE"], pattern="Straße")
@settings(deadline=None, max_examples=300)
def test_every_mode_folds_case_as_python_does(names, pattern):
    folds = [name.casefold() for name in names]
    wanted = pattern.casefold()
    assert matching(names, pattern, "exact") == [fold == wanted for fold in folds]
    assert matching(names, pattern, "substring") == [wanted in fold for fold in folds]
    assert matching(names, re.escape(pattern), "regex") == [wanted in fold for fold in folds]
    assert matching(names, rf"\Q{pattern}\E$", "regex") == [fold.endswith(wanted) for fold in folds]
    if not set(pattern) & set("*?["):
        assert matching(names, f"*{pattern}", "glob") == [fold.endswith(wanted) for fold in folds]
        assert matching(names, f"{pattern}*", "glob") == [fold.startswith(wanted) for fold in folds]
        assert matching(names, f"*{pattern}*", "glob") == [wanted in fold for fold in folds]
        assert matching(names, f"{pattern}", "glob") == [fold == wanted for fold in folds]


@pytest.mark.parametrize(
    ("pattern", "mode", "found"),
    [
        ("stra?e", "glob", ["straße", "STRAẞE"]),
        ("stra??e", "glob", ["straße", "STRASSE", "STRAẞE"]),
        ("stra[a-z]e", "glob", []),
        ("stra[Ü-ÿ]e", "glob", ["straße", "STRAẞE"]),
        ("STRA[ß]E", "glob", ["straße", "STRAẞE"]),
        ("stra[ẞ-Ỳ]e", "glob", ["straße", "STRAẞE"]),
        ("^straß+e$", "regex", ["straße", "STRASSE", "STRAẞE"]),
        ("^stra.e$", "regex", ["straße", "STRAẞE"]),
        (r"^stra\pLe$", "regex", ["straße", "STRAẞE"]),
        ("^stra(?P<ß>ss)e$", "regex", ["straße", "STRASSE", "STRAẞE"]),
        ("^(?-i:straß)e$", "regex", ["straße"]),
        ("^[^s]*$", "regex", []),
    ],
)
def test_wildcards_match_a_name_unchanged_and_folded(pattern, mode, found):
    names = ["straße", "STRASSE", "STRAẞE"]
    assert [name for name, hit in zip(names, matching(names, pattern, mode), strict=True) if hit] == found


@given(
    names=st.lists(NAMES, unique=True, min_size=1, max_size=30),
    pattern=WORDS,
    ends=st.sampled_from(["", "*"]),
)
@example(names=["ΣΟΦΟΣ", "x"], pattern="σοφος", ends="")
@example(names=["straße", "x"], pattern="STRASSE", ends="*")
@example(names=["ofﬁce", "oﬃce", "x"], pattern="office", ends="")
@example(names=["Maß", "x"], pattern="mass", ends="")
@example(names=["ﬁne", "x"], pattern="ine", ends="")
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_trigrams_and_needles_miss_no_match(tmp_path_factory, names, pattern, ends):
    scratch = tmp_path_factory.mktemp("folding")
    store = FileStore(scratch / "repository")
    rows = [row(f"/{name}") for name in names]
    manifest = index_rows(store, scratch, rows, block_rows=1, row_group_rows=7)
    glob = ends + pattern + ends
    expected = {name for name in names if pattern.casefold() in name.casefold()}
    for trigrams in (True, False):
        hits = search(store, manifest, glob, ignore_case=True, trigrams=trigrams)
        assert {hit.name for hit in hits} == expected
        assert count(store, manifest, glob, ignore_case=True, trigrams=trigrams) == len(expected)


def test_every_letter_that_folds_is_found():
    letters = [chr(number) for number in range(0x110000) if not 0xD800 <= number <= 0xDFFF]
    lowered = pc.utf8_lower(pa.array(letters)).to_pylist()
    odd = {letter for letter, low in zip(letters, lowered, strict=True) if low != letter.casefold()}
    assert odd <= {*folding._LETTERS, *map(chr, folding._FARTHER)}
    for letter in odd:
        assert letter.casefold() in folding._lowered()


def test_a_word_is_first_looked_up_unchanged():
    for word in ("invoice", "test", "office", "straße", "σοφος", "mississippi"):
        texts = list(folding.alternatives(word.casefold()))
        assert "".join(each[0] for each in texts) == word.casefold()
        assert all(len(each) == len(set(each)) <= 48 for each in texts)


@pytest.mark.skipif(shutil.which("find") is None, reason="there is no find here")
def test_matches_of_find_regardless_of_case_are_found(tmp_path):
    """Except for the dotted I: C's towlower maps it to i, Unicode to i with a dot above."""
    names = sorted({letter + end for letter in ODD.replace("İ", "") for end in ("", "x", "x.TXT")})
    for name in names:
        (tmp_path / name).touch()
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    for pattern in [*names, *(f"?{end}" for end in ("x", "X.txt")), "[a-z]x", "*X"]:
        run = subprocess.run(
            ["find", tmp_path, "-mindepth", "1", "-iname", pattern, "-printf", "%f\\0"],
            env=environment,
            capture_output=True,
            check=True,
        )
        found = set(run.stdout.decode().split("\0")) - {""}
        mode = "glob" if set("?*[") & set(pattern) else "exact"
        ours = {name for name, hit in zip(names, matching(names, pattern, mode), strict=True) if hit}
        assert found <= ours, pattern
        # All further matches are equal by Unicode's folding, but not by towlower.
        if mode == "exact":
            assert ours == {name for name in names if name.casefold() == pattern.casefold()}


def test_extensions_are_folded_like_names(store, tmp_path):
    names = ["a.ΣΑΣ", "b.σας", "c.Maß", "d.MASS", "e.txt", "f"]
    manifest = index_rows(store, tmp_path, [row(f"/{name}") for name in names])
    for ext, found in (("σασ", "ab"), (".mass", "cd"), ("TXT", "e")):  # noqa: RUF001 - likewise
        hits = search(store, manifest, filters=Filters(ext=ext))
        assert "".join(hit.name[0] for hit in hits) == found
