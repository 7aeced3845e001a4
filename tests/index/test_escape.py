from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.escape import escape, is_utf8, unescape

PIECES = st.lists(
    st.sampled_from([b"\\", b"x", b"\\x", b"\xff", b"41", b"\xc3\xa9", b"\xc3", b"a", b"\n"])
).map(b"".join)


@given(st.binary() | PIECES)
def test_unescape_is_the_inverse_of_escape(raw):
    assert unescape(escape(raw)) == raw


@given(st.binary() | PIECES, st.binary() | PIECES)
def test_different_names_are_shown_differently(one, other):
    assert (escape(one) == escape(other)) == (one == other)


@given(st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: "\\x" not in text))
def test_text_is_not_escaped(text):
    assert escape(text.encode()) == text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(b"caf\xe9", r"caf\xe9"), (rb"\x41", r"\x5cx41"), (b"\\\xff", r"\\xff"), (b"C:\\dir", r"C:\dir")],
)
def test_the_documented_examples(raw, shown):
    assert escape(raw) == shown


def test_valid_and_invalid_utf8_are_distinguished():
    assert is_utf8("é".encode())
    assert not is_utf8(b"\xe9")
